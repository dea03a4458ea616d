import type { Database } from '#store/database';

export interface SessionRow {
  readonly hash: string;
  readonly account: string;
  readonly createdAt: number;
  readonly usedAt: number;
}

/** Rows of sessions in browsers, by the hash of their cookie. */
export class SessionTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(hash: string): SessionRow | undefined {
    const row = this.#db.get('SELECT account, created_at, used_at FROM hub_sessions WHERE hash = ?', hash);
    return (
      row && {
        hash,
        account: String(row['account']),
        createdAt: Number(row['created_at']),
        usedAt: Number(row['used_at']),
      }
    );
  }

  /** Of each account the `most` used last are kept. */
  insert({ hash, account, createdAt }: Omit<SessionRow, 'usedAt'>, most: number): void {
    this.#db.transaction(() => {
      this.#db.run(
        'INSERT INTO hub_sessions (hash, account, created_at, used_at) VALUES (?, ?, ?, ?)',
        hash,
        account,
        createdAt,
        createdAt,
      );
      this.#db.run(
        `DELETE FROM hub_sessions WHERE account = ? AND hash NOT IN (
           SELECT hash FROM hub_sessions WHERE account = ? ORDER BY used_at DESC, created_at DESC LIMIT ?)`,
        account,
        account,
        most,
      );
    });
  }

  touch(hash: string, usedAt: number): void {
    this.#db.run('UPDATE hub_sessions SET used_at = ? WHERE hash = ?', usedAt, hash);
  }

  delete(hash: string): void {
    this.#db.run('DELETE FROM hub_sessions WHERE hash = ?', hash);
  }

  deleteOf(account: string, { but }: { readonly but?: string | undefined } = {}): void {
    this.#db.run('DELETE FROM hub_sessions WHERE account = ? AND hash <> ?', account, but ?? '');
  }

  deleteUnused({
    usedBefore,
    createdBefore,
  }: {
    readonly usedBefore: number;
    readonly createdBefore: number;
  }) {
    this.#db.run('DELETE FROM hub_sessions WHERE used_at < ? OR created_at < ?', usedBefore, createdBefore);
  }
}
