import type { Database, Migration, Row } from '#store/database';

export const snapshotMigrations: readonly Migration[] = [
  {
    name: 'snapshot/1-snapshots',
    sql: `CREATE TABLE snapshots (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      kind TEXT NOT NULL CHECK (kind IN ('active', 'committed')),
      name TEXT NOT NULL UNIQUE,
      parent INTEGER REFERENCES snapshots (id) ON DELETE RESTRICT,
      created_at INTEGER NOT NULL,
      size_bytes INTEGER,
      inodes INTEGER
    ) STRICT;
    CREATE INDEX snapshots_by_parent ON snapshots (parent)`,
  },
];

export interface SnapshotRecord {
  /** also the name of its directory; never used again */
  readonly id: number;
  readonly kind: 'active' | 'committed';
  readonly name: string;
  readonly parent?: number;
  /** of a committed one, once it was added up */
  readonly usage?: { readonly sizeBytes: number; readonly inodes: number };
}

export class SnapshotTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(name: string): SnapshotRecord | undefined {
    const row = this.#db.get('SELECT * FROM snapshots WHERE name = ?', name);
    return row && fromRow(row);
  }

  list(): SnapshotRecord[] {
    return this.#db.all('SELECT * FROM snapshots ORDER BY id').map(fromRow);
  }

  /** The record and its ancestors, uppermost first. */
  chain(id: number): number[] {
    return this.#db
      .all(
        `WITH RECURSIVE chain (id, parent, depth) AS (
          SELECT id, parent, 0 FROM snapshots WHERE id = ?
          UNION ALL SELECT s.id, s.parent, chain.depth + 1 FROM snapshots s JOIN chain ON s.id = chain.parent
        ) SELECT id FROM chain ORDER BY depth`,
        id,
      )
      .map(row => Number(row['id']));
  }

  /** @throws when the name is taken. */
  insert({ id, kind, name, parent }: SnapshotRecord): void {
    this.#db.run(
      'INSERT INTO snapshots (id, kind, name, parent, created_at) VALUES (?, ?, ?, ?, ?)',
      id,
      kind,
      name,
      parent ?? null,
      Date.now(),
    );
  }

  setUsage(id: number, usage: { readonly sizeBytes: number; readonly inodes: number }): void {
    this.#db.run(
      'UPDATE snapshots SET size_bytes = ?, inodes = ? WHERE id = ?',
      usage.sizeBytes,
      usage.inodes,
      id,
    );
  }

  hasChildren(id: number): boolean {
    return this.#db.get('SELECT 1 FROM snapshots WHERE parent = ? LIMIT 1', id) !== undefined;
  }

  delete(id: number): void {
    this.#db.run('DELETE FROM snapshots WHERE id = ?', id);
  }

  /** The highest number that was ever given out. */
  lastId(): number {
    const row = this.#db.get(`SELECT seq FROM sqlite_sequence WHERE name = 'snapshots'`);
    return Number(row?.['seq'] ?? 0);
  }
}

function fromRow(row: Row): SnapshotRecord {
  const { id, kind, name, parent, size_bytes: sizeBytes, inodes } = row;
  return {
    id: Number(id),
    kind: kind === 'active' ? 'active' : 'committed',
    name: String(name),
    ...(parent === null ? {} : { parent: Number(parent) }),
    ...(sizeBytes === null ? {} : { usage: { sizeBytes: Number(sizeBytes), inodes: Number(inodes) } }),
  };
}
