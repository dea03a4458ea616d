import type { AccountTable } from './account-table.ts';
import type { Permission } from './hub-records.ts';
import type { Authenticated } from './hub-services.ts';
import { capped } from './rights.ts';
import type { TokenTable } from './token-table.ts';

/** Who a token was made for, as it says inside. */
export interface Identity {
  readonly account: string;
  /** of the account when the token was made: a later one ends it */
  readonly epoch: number;
  /** the access token that it was got with */
  readonly tokenId?: string | undefined;
  /** the most that it may do */
  readonly permission: Permission;
}

export interface IdentitiesDeps {
  readonly accounts: AccountTable;
  readonly tokens: TokenTable;
  /** milliseconds since 1970 */
  readonly now: () => number;
}

/** Whether what was said when a token was made still holds. */
export class Identities {
  readonly #deps: IdentitiesDeps;

  constructor(deps: IdentitiesDeps) {
    this.#deps = deps;
  }

  of({ account, permission, tokenId }: Authenticated): Identity {
    const epoch = this.#deps.accounts.findSecrets(account.name)?.epoch ?? 0;
    return { account: account.name, epoch, permission, tokenId };
  }

  /** `undefined` once the password has changed, the account is disabled, or the access token is gone or has expired. */
  current(identity: Identity): Authenticated | undefined {
    const epoch = this.#deps.accounts.findSecrets(identity.account)?.epoch;
    return epoch === identity.epoch ? this.now(identity) : undefined;
  }

  /** The same, for what is not bound to an epoch because it is removed with it. */
  now({ account, tokenId, permission }: Omit<Identity, 'epoch'>): Authenticated | undefined {
    const found = this.#deps.accounts.find(account);
    if (!found || found.isDisabled) return undefined;
    if (tokenId === undefined) return { account: found, permission };
    const token = this.#deps.tokens.find(tokenId);
    if (!token || token.account !== account) return undefined;
    if (token.expiresAt !== undefined && token.expiresAt <= this.#deps.now()) return undefined;
    return { account: found, permission: capped(token.permission, permission) ?? 'read', tokenId };
  }
}
