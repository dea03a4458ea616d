import { EngineError } from '#base/errors';
import type { Logger } from '#base/logger';
import { wrongPassword } from './errors.ts';
import { NEEDED } from './hub-access-control.ts';
import type { Authenticated } from './hub-services.ts';
import type { Identities } from './identity.ts';
import { type AnonymousAccess, capped, includes, type Rights } from './rights.ts';
import { MAX_SECRET_LENGTH, newSecret, REFRESH_TOKEN_PREFIX, secretHash } from './secret-value.ts';
import type { SignIn } from './sign-in.ts';
import type { Access, SignedToken, SignedTokens } from './signed-tokens.ts';
import { singleLine } from './single-line.ts';
import { parseScopes, scopeText } from './token-scope.ts';
import type { TokenTable } from './token-table.ts';

export interface TokenServerDeps {
  readonly signIn: SignIn;
  readonly identities: Identities;
  readonly rights: Rights;
  readonly tokens: TokenTable;
  readonly signedTokens: SignedTokens;
  readonly anonymous: AnonymousAccess;
  /** milliseconds since 1970 */
  readonly now: () => number;
  readonly logger: Logger;
}

/** How somebody asks for a token. */
export type Grant =
  | { readonly type: 'anonymous' }
  | { readonly type: 'password'; readonly name: string; readonly secret: string; readonly address: string }
  | { readonly type: 'refresh'; readonly token: string };

export interface TokenAnswer {
  readonly signed: SignedToken;
  /** what was granted, of what was asked for */
  readonly scope: string;
  /** to be kept instead of a password */
  readonly refreshToken?: string | undefined;
}

const DAY_MS = 24 * 3_600_000;
/** A refresh token that nobody uses ends after this long. */
const REFRESH_IDLE_MS = 90 * DAY_MS;
const TOUCH_MS = 3_600_000;
const MOST_PER_ACCOUNT = 200;
const MAX_CLIENT = 64;

/** Makes tokens for the registry, of what is granted of what is asked for. */
export class TokenServer {
  readonly #deps: TokenServerDeps;

  constructor(deps: TokenServerDeps) {
    this.#deps = deps;
  }

  /**
   * @param client what it calls itself; with it a refresh token is wanted too
   * @throws {EngineError} `unauthorized`; `unavailable` after too many wrong passwords.
   */
  async answer(grant: Grant, scopes: readonly string[], client?: string): Promise<TokenAnswer> {
    const who = await this.#who(grant);
    const access = this.#granted(who, scopes);
    const identity = who && this.#deps.identities.of(who);
    return {
      signed: await this.#deps.signedTokens.forRegistry(identity, access),
      scope: access.map(({ name, actions }) => scopeText({ repository: name, actions })).join(' '),
      refreshToken: grant.type === 'refresh' ? grant.token : this.#refreshToken(who, client),
    };
  }

  async #who(grant: Grant): Promise<Authenticated | undefined> {
    switch (grant.type) {
      case 'anonymous':
        if (this.#deps.anonymous !== 'none') return undefined;
        throw new EngineError('unauthorized', 'authentication required');
      case 'password':
        return await this.#deps.signIn.authenticate(grant.name, grant.secret, grant.address);
      case 'refresh':
        return this.#refreshed(grant.token);
    }
  }

  #granted(who: Authenticated | undefined, scopes: readonly string[]): Access[] {
    return parseScopes(scopes).flatMap(({ repository, actions }) => {
      const permission = this.#deps.rights.permission(who?.account, repository);
      const most = who ? capped(permission, who.permission) : permission;
      const granted = actions.filter(action => includes(most, NEEDED[action]));
      return granted.length > 0 ? [{ type: 'repository', name: repository, actions: granted }] : [];
    });
  }

  #refreshToken(who: Authenticated | undefined, client: string | undefined): string | undefined {
    if (!who || client === undefined) return undefined;
    const { tokens, now, logger } = this.#deps;
    const secret = newSecret(REFRESH_TOKEN_PREFIX);
    tokens.deleteUnusedRefresh(now() - REFRESH_IDLE_MS);
    tokens.insertRefresh(
      {
        hash: secretHash(secret),
        account: who.account.name,
        tokenId: who.tokenId,
        permission: who.permission,
        client: singleLine('client', client.slice(0, MAX_CLIENT), MAX_CLIENT),
        createdAt: now(),
      },
      MOST_PER_ACCOUNT,
    );
    logger.info('signed in from a client', {
      account: who.account.name,
      client: client.slice(0, MAX_CLIENT),
    });
    return secret;
  }

  /** A change of the password has removed those that came of it. */
  #refreshed(secret: string): Authenticated {
    const { tokens, identities, now } = this.#deps;
    const row = secret.length <= MAX_SECRET_LENGTH ? tokens.findRefresh(secretHash(secret)) : undefined;
    if (!row || row.usedAt + REFRESH_IDLE_MS <= now()) throw wrongPassword();
    const who = identities.now(row);
    if (!who) throw wrongPassword();
    if (now() - row.usedAt > TOUCH_MS) tokens.touchRefresh(row.hash, now());
    return who;
  }
}
