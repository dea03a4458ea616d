import type { Database, Migration, Row } from '#store/database';
import type { AccessToken, Permission } from './hub-records.ts';

export const tokenMigrations: readonly Migration[] = [
  {
    name: 'hub/2-tokens',
    sql: `
      CREATE TABLE hub_access_tokens (
        id TEXT PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL REFERENCES hub_accounts (name),
        label TEXT NOT NULL,
        permission TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        used_at INTEGER,
        expires_at INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX hub_access_tokens_by_account ON hub_access_tokens (account);
      CREATE TABLE hub_refresh_tokens (
        hash TEXT PRIMARY KEY,
        account TEXT NOT NULL REFERENCES hub_accounts (name),
        access_token TEXT REFERENCES hub_access_tokens (id) ON DELETE CASCADE,
        permission TEXT NOT NULL,
        client TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX hub_refresh_tokens_by_account ON hub_refresh_tokens (account, used_at);
      CREATE INDEX hub_refresh_tokens_by_token ON hub_refresh_tokens (access_token)`,
  },
];

export type OwnedToken = AccessToken & { readonly account: string };

/** What `docker login` keeps instead of a password. */
export interface RefreshToken {
  readonly hash: string;
  readonly account: string;
  /** the access token it was got with; it ends with that one */
  readonly tokenId: string | undefined;
  readonly permission: Permission;
  /** what the client calls itself */
  readonly client: string;
  readonly createdAt: number;
  readonly usedAt: number;
}

/** Rows of access tokens, and of refresh tokens, by their hashes. */
export class TokenTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The newest first. */
  listOf(account: string): OwnedToken[] {
    return this.#db
      .all('SELECT * FROM hub_access_tokens WHERE account = ? ORDER BY created_at DESC, id', account)
      .map(toToken);
  }

  find(id: string): OwnedToken | undefined {
    const row = this.#db.get('SELECT * FROM hub_access_tokens WHERE id = ?', id);
    return row && toToken(row);
  }

  findByHash(hash: string): OwnedToken | undefined {
    const row = this.#db.get('SELECT * FROM hub_access_tokens WHERE hash = ?', hash);
    return row && toToken(row);
  }

  insert(token: OwnedToken, hash: string): void {
    this.#db.run(
      `INSERT INTO hub_access_tokens (id, hash, account, label, permission, created_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      token.id,
      hash,
      token.account,
      token.label,
      token.permission,
      token.createdAt,
      token.expiresAt ?? null,
    );
  }

  touch(id: string, usedAt: number): void {
    this.#db.run('UPDATE hub_access_tokens SET used_at = ? WHERE id = ?', usedAt, id);
  }

  rename(id: string, label: string): void {
    this.#db.run('UPDATE hub_access_tokens SET label = ? WHERE id = ?', label, id);
  }

  /** With the refresh tokens that were got with it. */
  delete(id: string): void {
    this.#db.run('DELETE FROM hub_access_tokens WHERE id = ?', id);
  }

  findRefresh(hash: string): RefreshToken | undefined {
    const row = this.#db.get('SELECT * FROM hub_refresh_tokens WHERE hash = ?', hash);
    return (
      row && {
        hash,
        account: String(row['account']),
        tokenId: row['access_token'] === null ? undefined : String(row['access_token']),
        permission: toPermission(row['permission']),
        client: String(row['client']),
        createdAt: Number(row['created_at']),
        usedAt: Number(row['used_at']),
      }
    );
  }

  /** Of each account the `most` used last are kept. */
  insertRefresh(token: Omit<RefreshToken, 'usedAt'>, most: number): void {
    this.#db.transaction(() => {
      this.#db.run(
        `INSERT INTO hub_refresh_tokens (hash, account, access_token, permission, client, created_at, used_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        token.hash,
        token.account,
        token.tokenId ?? null,
        token.permission,
        token.client,
        token.createdAt,
        token.createdAt,
      );
      this.#db.run(
        `DELETE FROM hub_refresh_tokens WHERE account = ? AND hash NOT IN (
           SELECT hash FROM hub_refresh_tokens WHERE account = ? ORDER BY used_at DESC, created_at DESC LIMIT ?)`,
        token.account,
        token.account,
        most,
      );
    });
  }

  touchRefresh(hash: string, usedAt: number): void {
    this.#db.run('UPDATE hub_refresh_tokens SET used_at = ? WHERE hash = ?', usedAt, hash);
  }

  deleteRefresh(hash: string): void {
    this.#db.run('DELETE FROM hub_refresh_tokens WHERE hash = ?', hash);
  }

  /** Those that were got with a password, or all of an account. */
  deleteRefreshOf(account: string, { isAll }: { readonly isAll: boolean }): void {
    const which = isAll ? '' : ' AND access_token IS NULL';
    this.#db.run(`DELETE FROM hub_refresh_tokens WHERE account = ?${which}`, account);
  }

  deleteUnusedRefresh(usedBefore: number): void {
    this.#db.run('DELETE FROM hub_refresh_tokens WHERE used_at < ?', usedBefore);
  }
}

/** A row of another version is worth the least. */
export function toPermission(value: unknown): Permission {
  return value === 'admin' || value === 'write' ? value : 'read';
}

function toToken(row: Row): OwnedToken {
  return {
    id: String(row['id']),
    account: String(row['account']),
    label: String(row['label']),
    permission: toPermission(row['permission']),
    createdAt: Number(row['created_at']),
    usedAt: row['used_at'] === null ? undefined : Number(row['used_at']),
    expiresAt: row['expires_at'] === null ? undefined : Number(row['expires_at']),
  };
}
