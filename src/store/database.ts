import { chmodSync, closeSync, existsSync, fdatasync, fstatSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { codeOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { allocateBlocks } from '#sys/allocate';

/** One step of the schema. Never edited once released: add another. */
export interface Migration {
  /** `<folder>/<number>-<what>`, unique and in order of application. */
  readonly name: string;
  readonly sql: string;
}

export type Row = Readonly<Record<string, string | number | bigint | null | Uint8Array>>;
export type Parameter = string | number | bigint | null | Uint8Array;

const fdatasyncAsync = promisify(fdatasync);

/** A commit is on the disk this long after it was made, also when nobody waits for it. */
const SYNC_WITHIN_MS = 25;
/** How much a full disk leaves to write: of the log what it has between two checkpoints and more, of the file hundreds of containers. */
const LOG_ROOM_BYTES = 6 * 1024 * 1024;
const FILE_ROOM_BYTES = 2 * 1024 * 1024;
const ROOM_EVERY_MS = 60_000;

/**
 * The engine's one SQLite file. SQL is written only in `<folder>/<entity>-table.ts`. One writer: the main thread.
 *
 * A commit survives a killed process at once. The disk is not waited for on the main thread: the log is synced in the
 * background, many commits at a time, and {@link synced} tells when that is done. A power cut before it takes the
 * last commits away, and leaves a database that is as it was before them.
 */
export class Database implements Disposable {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;
  #wal: number | undefined;
  #file: number | undefined;
  #isDirty = false;
  #syncing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** when there was room for more the last time; undefined: nobody asked for that */
  #roomAt: number | undefined;

  constructor(path: string) {
    this.#path = path;
    if (path !== ':memory:') keepPrivate(path);
    this.#db = new DatabaseSync(path);
    this.#db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000',
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

  /** What has been applied and is none of these: the file was made by a newer version. */
  unknownMigrations(known: readonly Migration[]): string[] {
    if (!this.get("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'")) return [];
    const names = new Set(known.map(({ name }) => name));
    return this.all('SELECT name FROM migrations')
      .map(row => String(row['name']))
      .filter(name => !names.has(name));
  }

  all(sql: string, ...parameters: readonly Parameter[]): Row[] {
    return this.#prepare(sql).all(...parameters);
  }

  get(sql: string, ...parameters: readonly Parameter[]): Row | undefined {
    const row = this.#prepare(sql).get(...parameters);
    if (this.#depth === 0 && !sql.startsWith('SELECT')) this.#touched(); // INSERT … RETURNING
    return row;
  }

  /** @returns the number of rows changed. */
  run(sql: string, ...parameters: readonly Parameter[]): number {
    const changes = Number(this.#prepare(sql).run(...parameters).changes);
    if (this.#depth === 0) this.#touched();
    return changes;
  }

  /** Runs `work` in one transaction (nested ones join the outer). Synchronous by type: a promise does not compile. */
  transaction<T>(work: () => T extends Promise<unknown> ? never : T): T {
    if (this.#depth > 0) return work();
    this.#db.exec('BEGIN IMMEDIATE');
    this.#depth += 1;
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      // Some failures, as a full disk, have rolled it back already.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    } finally {
      this.#depth -= 1;
      this.#touched();
    }
  }

  /** Resolves when all that has been committed until now would survive a power cut. */
  async synced(): Promise<void> {
    await this.#syncing; // it may have begun before the last commit
    if (this.#isDirty) this.#syncing ??= this.#sync();
    await this.#syncing;
  }

  /**
   * From now on has blocks on the disk for what will be written: whoever fills the disk, a container it may be, can be stopped and removed
   * then. Does nothing where the file system cannot, or is full already. To be called when the tables are there.
   */
  keepRoom(): void {
    this.#roomAt = performance.now();
    try {
      // Kept open: closing it would take away SQLite's own locks on the file (fcntl(2)).
      this.#file ??= openSync(this.#path, 'r+');
      allocateBlocks(this.#file, fstatSync(this.#file).size + FILE_ROOM_BYTES);
      allocateBlocks(this.#log(), LOG_ROOM_BYTES); // it begins anew again and again, and is not cut: its blocks stay
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }

  #log(): number {
    this.#wal ??= openSync(`${this.#path}-wal`, 'r+');
    return this.#wal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close(); // moves the log into the file, and syncs that
    if (this.#wal !== undefined && !this.#syncing) closeSync(this.#wal);
    if (this.#file !== undefined) closeSync(this.#file);
  }

  #touched(): void {
    if (this.#path === ':memory:') return;
    this.#isDirty = true;
    // A disk that fails is told to whoever waits for it; SQLite itself meets it at the next checkpoint.
    this.#timer ??= setTimeout(() => void this.synced().catch(() => undefined), SYNC_WITHIN_MS).unref();
  }

  async #sync(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isDirty = false;
    try {
      if (this.#roomAt !== undefined && performance.now() - this.#roomAt > ROOM_EVERY_MS) this.keepRoom();
      await fdatasyncAsync(this.#log());
    } finally {
      this.#syncing = undefined;
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

/** Environments of containers are in it, and secrets in those. SQLite gives its other files the mode of the first. */
function keepPrivate(path: string): void {
  closeSync(openSync(path, 'a', 0o600));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, 0o600);
}
