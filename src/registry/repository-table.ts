import type { Database, Row } from '#store/database';
import type { RepositoryRecord } from './repository-catalog.ts';

export interface StoredRepository extends RepositoryRecord {
  readonly id: number;
}

export class RepositoryTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(name: string): StoredRepository | undefined {
    const row = this.#db.get('SELECT * FROM registry_repositories WHERE name = ?', name);
    return row && stored(row);
  }

  list(): StoredRepository[] {
    return this.#db.all('SELECT * FROM registry_repositories ORDER BY name').map(stored);
  }

  /** Names after `last`, in order. */
  namesAfter(last: string, limit: number): string[] {
    return this.#db
      .all('SELECT name FROM registry_repositories WHERE name > ? ORDER BY name LIMIT ?', last, limit)
      .map(({ name }) => String(name));
  }

  ensure(name: string, now: number): StoredRepository {
    const found = this.find(name);
    if (found) return found;
    this.#db.run('INSERT INTO registry_repositories (name, created_at) VALUES (?, ?)', name, now);
    return this.ensure(name, now);
  }

  setPushed(id: number, now: number): void {
    this.#db.run('UPDATE registry_repositories SET pushed_at = ? WHERE id = ?', now, id);
  }

  addSize(id: number, bytes: number): void {
    this.#db.run('UPDATE registry_repositories SET size_bytes = size_bytes + ? WHERE id = ?', bytes, id);
  }

  addPulls(name: string, count: number): void {
    this.#db.run('UPDATE registry_repositories SET pulls = pulls + ? WHERE name = ?', count, name);
  }

  /** With all it has; what of its blobs nobody else has becomes garbage. */
  delete(id: number): void {
    this.#db.run(
      'INSERT OR IGNORE INTO registry_garbage SELECT digest FROM registry_links WHERE repository = ?',
      id,
    );
    this.#db.run('DELETE FROM registry_repositories WHERE id = ?', id);
  }
}

function stored(row: Row): StoredRepository {
  return {
    id: Number(row['id']),
    name: String(row['name']),
    createdAt: Number(row['created_at']),
    pushedAt: row['pushed_at'] === null ? undefined : Number(row['pushed_at']),
    pulls: Number(row['pulls']),
    sizeBytes: Number(row['size_bytes']),
  };
}
