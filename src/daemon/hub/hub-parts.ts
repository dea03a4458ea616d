import type { Logger } from '#base/logger';
import type { Edge } from '#http/http-server';
import type { Route } from '#http/route';
import { withClientAddress } from '#hub/client-credentials';
import { hubMigrations } from '#hub/hub-migrations';
import type { AccountService } from '#hub/hub-services';
import { type Hub, openHub } from '#hub/open-hub';
import { pageOfError, pageRoutes } from '#hub/pages/page-routes';
import { SetupCode } from '#hub/setup-code';
import type { AccessControl } from '#registry/access-control';
import { openRegistry } from '#registry/open-registry';
import { registryFailure } from '#registry/registry-edge';
import { registryMigrations } from '#registry/registry-migrations';
import { ContentStore } from '#store/content-store';
import { openStateDatabase } from '../state-database.ts';
import type { HubConfig } from './hub-config.ts';
import { hubEdge, withHeads } from './hub-edge.ts';

export interface HubParts {
  readonly accounts: AccountService;
  readonly routes: readonly Route[];
  readonly edge: Edge;
  /** what the first account is made with; `undefined` once there is one */
  readonly setupCode: () => string | undefined;
}

export interface HubPartsDeps {
  readonly config: HubConfig;
  readonly publicUrl: string;
  readonly logger: Logger;
  /** gets what is to be closed, in the order of opening */
  readonly undo: AsyncDisposableStack;
}

/** Registry, hub and pages on one folder and one database. */
export function openParts({ config, publicUrl, logger, undo }: HubPartsDeps): HubParts {
  const { root } = config;
  const migrations = [...registryMigrations, ...hubMigrations];
  const holds = { images: 'blobs/sha256' };
  const db = undo.use(openStateDatabase({ root, file: 'hub.sqlite', migrations, holds }));
  // Each needs the other: the registry asks who may, and the hub shows what the registry has.
  const access: AccessControl = {
    admit: (...request) => hub.access.admit(...request),
    maySee: (...question) => hub.access.maySee(...question),
  };
  const content = new ContentStore({ root });
  const registry = undo.use(openRegistry({ root, db, content, access, logger }));
  const isSignUpOpen = config.signUp === 'open';
  const { anonymous, isBehindProxy, hasPrivateWebhooks } = config;
  const options = { publicUrl, isSignUpOpen, anonymous, isBehindProxy, hasPrivateWebhooks };
  const hub: Hub = undo.use(openHub({ root, db, catalog: registry.catalog, logger, options }));
  db.keepRoom(); // all tables are there now
  const { services } = hub;
  const registryRoutes = isBehindProxy ? withClientAddress(registry.routes) : registry.routes;
  const { host, protocol } = new URL(publicUrl);
  const site = {
    services,
    options: { host, isSecure: protocol === 'https:', isBehindProxy, isSignUpOpen, logger },
  };
  return {
    accounts: services.accounts,
    routes: withHeads([...registryRoutes, ...hub.routes, ...pageRoutes(services, site.options)]),
    edge: hubEdge([{ prefix: '/v2', fail: registryFailure }], (error, request) =>
      pageOfError(error, request, site),
    ),
    setupCode: () => (services.accounts.isEmpty() ? new SetupCode(root).ensure() : undefined),
  };
}
