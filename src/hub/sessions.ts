import type { AccountTable } from './account-table.ts';
import type { Account } from './hub-records.ts';
import type { SessionService } from './hub-services.ts';
import { MAX_SECRET_LENGTH, newSecret, SESSION_PREFIX, secretHash } from './secret-value.ts';
import type { SessionTable } from './session-table.ts';

export interface SessionsDeps {
  readonly accounts: AccountTable;
  readonly sessions: SessionTable;
  /** milliseconds since 1970 */
  readonly now: () => number;
}

const DAY_MS = 24 * 3_600_000;
/** A session that nobody uses ends after this long, and every one after the other. */
const IDLE_MS = 7 * DAY_MS;
const LIFE_MS = 30 * DAY_MS;
const TOUCH_MS = 10 * 60_000;
const MOST_PER_ACCOUNT = 50;

/** Sessions of browsers. The cookie is a secret of 256 bits; the database has its hash. */
export class Sessions implements SessionService {
  readonly #deps: SessionsDeps;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  begin(account: Account): string {
    const { sessions, now } = this.#deps;
    const cookie = newSecret(SESSION_PREFIX);
    sessions.deleteUnused({ usedBefore: now() - IDLE_MS, createdBefore: now() - LIFE_MS });
    const row = { hash: secretHash(cookie), account: account.name, createdAt: now() };
    sessions.insert(row, MOST_PER_ACCOUNT);
    return cookie;
  }

  find(cookie: string): Account | undefined {
    const { accounts, sessions, now } = this.#deps;
    if (cookie.length > MAX_SECRET_LENGTH) return undefined;
    const row = sessions.find(secretHash(cookie));
    if (!row) return undefined;
    if (row.usedAt + IDLE_MS <= now() || row.createdAt + LIFE_MS <= now()) {
      sessions.delete(row.hash);
      return undefined;
    }
    const account = accounts.find(row.account);
    if (!account || account.isDisabled) return undefined;
    if (now() - row.usedAt > TOUCH_MS) sessions.touch(row.hash, now());
    return account;
  }

  end(cookie: string): void {
    this.#deps.sessions.delete(secretHash(cookie));
  }
}
