import type { Database, Migration } from '#store/database';

/** After those of volumes. */
export const sizeMigrations: readonly Migration[] = [
  {
    name: 'volume/6-sizes',
    sql: `CREATE TABLE volume_sizes (
      volume TEXT PRIMARY KEY,
      size_bytes INTEGER NOT NULL,
      inodes INTEGER NOT NULL,
      measured_at INTEGER NOT NULL,
      took_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  },
];

/** What a volume had when it was last added up. */
export interface MeasuredSize {
  /** bytes of content, as Docker counts them */
  readonly sizeBytes: number;
  readonly inodes: number;
  /** milliseconds since 1970 */
  readonly measuredAt: number;
  readonly tookMs: number;
}

/** Sizes of volumes that take a while to add up: known again after a restart of the engine. */
export class SizeTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(volume: string): MeasuredSize | undefined {
    const row = this.#db.get('SELECT * FROM volume_sizes WHERE volume = ?', volume);
    if (!row) return undefined;
    return {
      sizeBytes: Number(row['size_bytes']),
      inodes: Number(row['inodes']),
      measuredAt: Number(row['measured_at']),
      tookMs: Number(row['took_ms']),
    };
  }

  put(volume: string, { sizeBytes, inodes, measuredAt, tookMs }: MeasuredSize): void {
    this.#db.run(
      `INSERT OR REPLACE INTO volume_sizes (volume, size_bytes, inodes, measured_at, took_ms) VALUES (?, ?, ?, ?, ?)`,
      volume,
      sizeBytes,
      inodes,
      measuredAt,
      tookMs,
    );
  }

  delete(volume: string): void {
    this.#db.run('DELETE FROM volume_sizes WHERE volume = ?', volume);
  }
}
