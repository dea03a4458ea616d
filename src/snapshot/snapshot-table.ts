import type { Digest } from '#base/ids';
import type { Database, Migration, Row } from '#store/database';
import type { LayerFormatName } from './layer-format.ts';

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
  {
    name: 'snapshot/2-formats',
    sql: `ALTER TABLE snapshots ADD COLUMN format TEXT NOT NULL DEFAULT 'directory'
      CHECK (format IN ('directory', 'erofs'));
    ALTER TABLE snapshots ADD COLUMN diff_id TEXT;
    CREATE INDEX snapshots_by_diff ON snapshots (diff_id) WHERE diff_id IS NOT NULL`,
  },
];

export interface SnapshotRecord {
  /** also the name of its directory; never used again */
  readonly id: number;
  readonly kind: 'active' | 'committed';
  readonly name: string;
  readonly parent?: number;
  readonly format: LayerFormatName;
  /** digest of the tar, for a layer */
  readonly diffId?: Digest;
  /** of a committed one, once it was added up */
  readonly usage?: { readonly sizeBytes: number; readonly inodes: number };
}

/** One of a stack: where its files are, and how to see them. */
export interface StackedLayer {
  readonly id: number;
  readonly format: LayerFormatName;
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
  chain(id: number): StackedLayer[] {
    return this.#db
      .all(
        `WITH RECURSIVE chain (id, parent, format, depth) AS (
          SELECT id, parent, format, 0 FROM snapshots WHERE id = ?
          UNION ALL SELECT s.id, s.parent, s.format, chain.depth + 1
            FROM snapshots s JOIN chain ON s.id = chain.parent
        ) SELECT id, format FROM chain ORDER BY depth`,
        id,
      )
      .map(row => ({ id: Number(row['id']), format: formatOf(row) }));
  }

  /** @throws when the name is taken. */
  insert({ id, kind, name, parent, format, diffId, usage }: SnapshotRecord): void {
    this.#db.run(
      `INSERT INTO snapshots (id, kind, name, parent, created_at, format, diff_id, size_bytes, inodes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      kind,
      name,
      parent ?? null,
      Date.now(),
      format,
      diffId ?? null,
      usage?.sizeBytes ?? null,
      usage?.inodes ?? null,
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

  /** Layers in this format whose tar has this digest. */
  withDiffId(diffId: Digest, format: LayerFormatName): number[] {
    return this.#db
      .all('SELECT id FROM snapshots WHERE diff_id = ? AND format = ? ORDER BY id', diffId, format)
      .map(row => Number(row['id']));
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
  const { id, kind, name, parent, diff_id: diffId, size_bytes: sizeBytes, inodes } = row;
  return {
    id: Number(id),
    kind: kind === 'active' ? 'active' : 'committed',
    name: String(name),
    format: formatOf(row),
    ...(parent === null ? {} : { parent: Number(parent) }),
    ...(diffId === null ? {} : { diffId: String(diffId) as Digest }), // written by insert()
    ...(sizeBytes === null ? {} : { usage: { sizeBytes: Number(sizeBytes), inodes: Number(inodes) } }),
  };
}

function formatOf(row: Row): LayerFormatName {
  return row['format'] === 'erofs' ? 'erofs' : 'directory';
}
