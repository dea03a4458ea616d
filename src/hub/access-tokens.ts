import { EngineError } from '#base/errors';
import type { Logger } from '#base/logger';
import { conflict, invalid } from './errors.ts';
import type { AccessToken } from './hub-records.ts';
import type { AccessTokenService, Viewer } from './hub-services.ts';
import type { Rights } from './rights.ts';
import { ACCESS_TOKEN_PREFIX, newRowId, newSecret, secretHash } from './secret-value.ts';
import { singleLine } from './single-line.ts';
import type { OwnedToken, TokenTable } from './token-table.ts';

export interface AccessTokensDeps {
  readonly tokens: TokenTable;
  readonly rights: Rights;
  /** milliseconds since 1970 */
  readonly now: () => number;
  readonly logger: Logger;
}

const MOST_PER_ACCOUNT = 100;
const MAX_LABEL = 100;

/** Tokens that stand for a password in programs. */
export class AccessTokens implements AccessTokenService {
  readonly #deps: AccessTokensDeps;

  constructor(deps: AccessTokensDeps) {
    this.#deps = deps;
  }

  list(viewer: Viewer): readonly AccessToken[] {
    const account = this.#deps.rights.required(viewer, 'see your access tokens');
    return this.#deps.tokens.listOf(account.name).map(withoutOwner);
  }

  create(
    viewer: Viewer,
    input: Parameters<AccessTokenService['create']>[1],
  ): { readonly token: AccessToken; readonly secret: string } {
    const { rights, tokens, now, logger } = this.#deps;
    const account = rights.required(viewer, 'make an access token');
    const label = singleLine('label', input.label, MAX_LABEL);
    if (label === '') throw invalid('the access token needs a label, to tell it from others');
    if (input.expiresAt !== undefined && !(input.expiresAt > now())) {
      throw invalid('the access token would have expired already');
    }
    if (tokens.listOf(account.name).length >= MOST_PER_ACCOUNT) {
      throw conflict(`an account may have ${MOST_PER_ACCOUNT} access tokens; remove some first`);
    }
    const secret = newSecret(ACCESS_TOKEN_PREFIX);
    const token: OwnedToken = {
      id: newRowId(),
      account: account.name,
      label,
      permission: input.permission,
      createdAt: now(),
      usedAt: undefined,
      expiresAt: input.expiresAt,
    };
    tokens.insert(token, secretHash(secret));
    logger.info('access token made', { account: account.name, id: token.id, permission: token.permission });
    return { token: withoutOwner(token), secret };
  }

  revoke(viewer: Viewer, id: string): void {
    const { rights, tokens, logger } = this.#deps;
    const account = rights.required(viewer, 'remove an access token');
    this.#own(account.name, id);
    tokens.delete(id);
    logger.info('access token removed', { account: account.name, id });
  }

  /** Gives it another label. */
  rename(viewer: Viewer, id: string, label: string): AccessToken {
    const account = this.#deps.rights.required(viewer, 'change an access token');
    const token = this.#own(account.name, id);
    const line = singleLine('label', label, MAX_LABEL);
    if (line === '') throw invalid('the access token needs a label, to tell it from others');
    this.#deps.tokens.rename(id, line);
    return { ...withoutOwner(token), label: line };
  }

  /** Those of others are as if they were not there. */
  #own(account: string, id: string): OwnedToken {
    const token = this.#deps.tokens.find(id);
    if (token?.account === account) return token;
    throw new EngineError('notFound', `no such access token: ${id}`);
  }
}

function withoutOwner({ account: _account, ...token }: OwnedToken): AccessToken {
  return token;
}
