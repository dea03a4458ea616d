import type { Database, Migration, Row } from '#store/database';
import type { Account } from './hub-records.ts';

export const accountMigrations: readonly Migration[] = [
  {
    name: 'hub/1-accounts',
    sql: `
      CREATE TABLE hub_namespaces (
        name TEXT PRIMARY KEY,
        type TEXT NOT NULL CHECK (type IN ('account', 'organization')),
        full_name TEXT NOT NULL,
        is_private_by_default INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE hub_accounts (
        name TEXT PRIMARY KEY REFERENCES hub_namespaces (name),
        password TEXT NOT NULL,
        is_admin INTEGER NOT NULL,
        is_disabled INTEGER NOT NULL,
        epoch INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE hub_sessions (
        hash TEXT PRIMARY KEY,
        account TEXT NOT NULL REFERENCES hub_accounts (name),
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX hub_sessions_by_account ON hub_sessions (account, used_at)`,
  },
];

/** What signing in needs to know of an account beyond what others see. */
export interface AccountSecrets {
  readonly account: Account;
  /** of `password-hash.ts` */
  readonly password: string;
  /** goes up when everything that was issued to the account has to end */
  readonly epoch: number;
}

export type NamespaceType = 'account' | 'organization';

const ACCOUNTS = 'hub_accounts AS a JOIN hub_namespaces AS n ON n.name = a.name';
const COLUMNS = 'n.name, n.full_name, n.created_at, a.password, a.is_admin, a.is_disabled, a.epoch';

/** Rows of accounts, and of the namespaces that they share with organizations. */
export class AccountTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  count(): number {
    return Number(this.#db.get('SELECT count(*) AS n FROM hub_accounts')?.['n']);
  }

  /** Those who could still administrate. */
  countAdmins(): number {
    const row = this.#db.get('SELECT count(*) AS n FROM hub_accounts WHERE is_admin = 1 AND is_disabled = 0');
    return Number(row?.['n']);
  }

  find(name: string): Account | undefined {
    return this.findSecrets(name)?.account;
  }

  findSecrets(name: string): AccountSecrets | undefined {
    const row = this.#db.get(`SELECT ${COLUMNS} FROM ${ACCOUNTS} WHERE a.name = ?`, name);
    return row && { account: toAccount(row), password: String(row['password']), epoch: Number(row['epoch']) };
  }

  /** By name. */
  list({ limit, offset }: { readonly limit: number; readonly offset: number }): Account[] {
    return this.#db
      .all(`SELECT ${COLUMNS} FROM ${ACCOUNTS} ORDER BY a.name LIMIT ? OFFSET ?`, limit, offset)
      .map(toAccount);
  }

  /** Part of the caller's transaction, after {@link insertNamespace}. */
  insert(account: Account, password: string): void {
    this.#db.run(
      'INSERT INTO hub_accounts (name, password, is_admin, is_disabled, epoch) VALUES (?, ?, ?, ?, 1)',
      account.name,
      password,
      account.isAdmin ? 1 : 0,
      account.isDisabled ? 1 : 0,
    );
  }

  update({ name, fullName, isAdmin, isDisabled }: Account): void {
    this.#db.transaction(() => {
      this.setFullName(name, fullName);
      this.#db.run(
        'UPDATE hub_accounts SET is_admin = ?, is_disabled = ? WHERE name = ?',
        isAdmin ? 1 : 0,
        isDisabled ? 1 : 0,
        name,
      );
    });
  }

  /** The same password, hashed with other settings; unless it is another one by now. */
  replaceHash(name: string, old: string, password: string): void {
    this.#db.run('UPDATE hub_accounts SET password = ? WHERE name = ? AND password = ?', password, name, old);
  }

  setHash(name: string, password: string): void {
    this.#db.run('UPDATE hub_accounts SET password = ? WHERE name = ?', password, name);
  }

  nextEpoch(name: string): void {
    this.#db.run('UPDATE hub_accounts SET epoch = epoch + 1 WHERE name = ?', name);
  }

  insertNamespace(name: string, type: NamespaceType, fullName: string, createdAt: number): void {
    this.#db.run(
      'INSERT INTO hub_namespaces (name, type, full_name, created_at) VALUES (?, ?, ?, ?)',
      name,
      type,
      fullName,
      createdAt,
    );
  }

  namespaceType(name: string): NamespaceType | undefined {
    const type = this.#db.get('SELECT type FROM hub_namespaces WHERE name = ?', name)?.['type'];
    return type === 'account' || type === 'organization' ? type : undefined;
  }

  setFullName(name: string, fullName: string): void {
    this.#db.run('UPDATE hub_namespaces SET full_name = ? WHERE name = ?', fullName, name);
  }

  isPrivateByDefault(namespace: string): boolean {
    const row = this.#db.get('SELECT is_private_by_default FROM hub_namespaces WHERE name = ?', namespace);
    return row?.['is_private_by_default'] === 1;
  }

  setPrivateByDefault(namespace: string, isPrivate: boolean): void {
    this.#db.run(
      'UPDATE hub_namespaces SET is_private_by_default = ? WHERE name = ?',
      isPrivate ? 1 : 0,
      namespace,
    );
  }
}

function toAccount(row: Row): Account {
  return {
    name: String(row['name']),
    fullName: String(row['full_name']),
    isAdmin: row['is_admin'] === 1,
    isDisabled: row['is_disabled'] === 1,
    createdAt: Number(row['created_at']),
  };
}
