import type { Route } from '#http/route';
import type { AccessControl } from '#registry/access-control';
import type { RegistryEvent } from '#registry/repository-catalog';
import { AccessTokens } from './access-tokens.ts';
import { Accounts } from './accounts.ts';
import { ApiDoor } from './api/api-door.ts';
import { apiRoutes } from './api/api-routes.ts';
import { checkPublicUrl, HubAccessControl } from './hub-access-control.ts';
import { hubMigrations } from './hub-migrations.ts';
import type { HubDeps } from './hub-options.ts';
import type { HubServices } from './hub-services.ts';
import { hubTables } from './hub-tables.ts';
import { Identities } from './identity.ts';
import { Organizations } from './organizations.ts';
import { PasswordHasher } from './password-hash.ts';
import { RegistryFollower } from './registry-follower.ts';
import { Repositories } from './repositories.ts';
import { Rights } from './rights.ts';
import { Sessions } from './sessions.ts';
import { SetupCode } from './setup-code.ts';
import { SignIn } from './sign-in.ts';
import { SignedTokens } from './signed-tokens.ts';
import { signingKey } from './signing-key.ts';
import { tokenRoutes } from './token-routes.ts';
import { TokenServer } from './token-server.ts';
import { WebhookSender } from './webhook-sender.ts';
import { Webhooks } from './webhooks.ts';

/** A hub at work, until it is disposed. */
export interface Hub extends AsyncDisposable {
  readonly services: HubServices;
  /** whom the registry asks */
  readonly access: AccessControl;
  /** the token endpoint and the JSON API; to be put before the registry's */
  readonly routes: readonly Route[];
}

/** Opens the hub of a registry: brings its tables up to date and catches up with what the registry has. */
export function openHub(deps: HubDeps): Hub {
  const { db, catalog, logger, options, now = Date.now } = deps;
  const publicUrl = checkPublicUrl(options.publicUrl);
  const service = options.service ?? new URL(publicUrl).host;
  db.migrate(hubMigrations, logger);
  const tables = hubTables(db);
  const anonymous = options.anonymous ?? 'pull';
  const rights = new Rights({ ...tables, anonymous });
  const common = { ...tables, db, rights, now, logger };
  const hasher = new PasswordHasher(options.hashCost);
  const signIn = new SignIn({ ...common, hasher });
  const setupCode = new SetupCode(deps.root);
  const mayBePrivate = options.hasPrivateWebhooks ?? false;
  const sender = new WebhookSender({ ...common, publicUrl, mayBePrivate });
  const onPush = (event: RegistryEvent): void => sender.pushed(event);
  const follower = new RegistryFollower({ ...common, catalog, anonymous, onPush });
  const services: HubServices = {
    accounts: new Accounts({
      ...common,
      hasher,
      signIn,
      setupCode,
      isSignUpOpen: options.isSignUpOpen ?? false,
    }),
    sessions: new Sessions(common),
    accessTokens: new AccessTokens(common),
    organizations: new Organizations(common),
    repositories: new Repositories({ ...common, catalog, follower }),
    webhooks: new Webhooks({ ...common, mayBePrivate }),
  };
  if (services.accounts.isEmpty()) {
    logger.info(`make the first account with the set-up code ${setupCode.ensure()}`, {
      file: setupCode.path,
    });
  } else {
    setupCode.remove();
  }
  const isBehindProxy = options.isBehindProxy ?? false;
  const signedTokens = new SignedTokens({ key: signingKey(deps.root), issuer: publicUrl, service, now });
  const doors = {
    ...common,
    signIn,
    signedTokens,
    identities: new Identities(common),
    isBehindProxy,
    anonymous,
  };
  return {
    services,
    access: new HubAccessControl({ ...doors, publicUrl, service }),
    routes: [
      ...tokenRoutes({ tokenServer: new TokenServer(doors), isBehindProxy }),
      ...apiRoutes({ ...doors, services, door: new ApiDoor(doors), publicUrl }),
    ],
    [Symbol.asyncDispose]: async () => {
      follower[Symbol.dispose]();
      await sender[Symbol.asyncDispose]();
    },
  };
}
