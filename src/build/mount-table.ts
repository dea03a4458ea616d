import type { Database, Row } from '#store/database';

/** A folder of `RUN --mount=type=cache`. */
export interface MountRecord {
  /** by which steps find it: the id they give, and which of several */
  readonly name: string;
  /** name of its folder */
  readonly id: string;
  readonly description: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly useCount: number;
}

export class MountTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(name: string): MountRecord | undefined {
    const row = this.#db.get('SELECT * FROM build_mounts WHERE name = ?', name);
    return row && toRecord(row);
  }

  list(): MountRecord[] {
    return this.#db.all('SELECT * FROM build_mounts ORDER BY last_used_at, rowid').map(toRecord);
  }

  insert({ name, id, description, createdAt, lastUsedAt, useCount }: MountRecord): void {
    const sql = 'INSERT INTO build_mounts VALUES (?, ?, ?, ?, ?, ?)';
    this.#db.run(sql, name, id, description, createdAt, lastUsedAt, useCount);
  }

  noteUse(name: string, at: number): void {
    const sql = 'UPDATE build_mounts SET last_used_at = ?, use_count = use_count + 1 WHERE name = ?';
    this.#db.run(sql, at, name);
  }

  delete(name: string): void {
    this.#db.run('DELETE FROM build_mounts WHERE name = ?', name);
  }
}

function toRecord(row: Row): MountRecord {
  return {
    name: String(row['name']),
    id: String(row['id']),
    description: String(row['description']),
    createdAt: Number(row['created_at']),
    lastUsedAt: Number(row['last_used_at']),
    useCount: Number(row['use_count']),
  };
}
