import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Logger } from '#base/logger';

/** One step of the schema. Never edited once released: add another. */
export interface Migration {
  /** `<folder>/<number>-<what>`, unique and in order of application. */
  readonly name: string;
  readonly sql: string;
}

export type Row = Readonly<Record<string, string | number | bigint | null | Uint8Array>>;
export type Parameter = string | number | bigint | null | Uint8Array;

/**
 * The engine's one SQLite file. SQL is written only in `<folder>/<entity>-table.ts`.
 * One writer: the main thread. Commits survive a killed process; `synchronous=FULL` makes them survive a power cut.
 */
export class Database implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000',
    );
  }

  /** Applies what is missing, each in its own transaction. */
  migrate(migrations: readonly Migration[], logger: Logger): void {
    this.#db.exec(
      'CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT',
    );
    const applied = new Set(this.all('SELECT name FROM migrations').map(row => row['name']));
    for (const migration of migrations) {
      if (applied.has(migration.name)) continue;
      this.transaction(() => {
        this.#db.exec(migration.sql);
        this.run('INSERT INTO migrations (name, applied_at) VALUES (?, ?)', migration.name, Date.now());
      });
      logger.debug('migrated', { migration: migration.name });
    }
  }

  all(sql: string, ...parameters: readonly Parameter[]): Row[] {
    return this.#prepare(sql).all(...parameters);
  }

  get(sql: string, ...parameters: readonly Parameter[]): Row | undefined {
    return this.#prepare(sql).get(...parameters);
  }

  /** @returns the number of rows changed. */
  run(sql: string, ...parameters: readonly Parameter[]): number {
    return Number(this.#prepare(sql).run(...parameters).changes);
  }

  /**
   * Runs `work` in one transaction (nested ones join the outer). Synchronous by type: a promise does not compile.
   *
   * @param options `isPowerSafe: false` does not wait for the disk: the commit survives a killed process, and may be
   * lost with the power. For rows that mean nothing after a reboot; later commits carry it along.
   */
  transaction<T>(
    work: () => T extends Promise<unknown> ? never : T,
    { isPowerSafe = true }: { readonly isPowerSafe?: boolean } = {},
  ): T {
    if (this.#depth > 0) return work();
    if (isPowerSafe) return this.#transact(work);
    this.#db.exec('PRAGMA synchronous = NORMAL');
    try {
      return this.#transact(work);
    } finally {
      this.#db.exec('PRAGMA synchronous = FULL');
    }
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #transact<T>(work: () => T extends Promise<unknown> ? never : T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    this.#depth += 1;
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
