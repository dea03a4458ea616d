import type { Digest } from '#base/ids';
import type { LayerRecord } from '#image/image-table';
import type { Database, Migration, Row } from '#store/database';

export const buildMigrations: readonly Migration[] = [
  {
    name: 'build/1-steps',
    sql: `CREATE TABLE build_steps (
      key TEXT PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      description TEXT NOT NULL,
      parent_chain TEXT,
      chain_id TEXT,
      diff_id TEXT,
      size_bytes INTEGER,
      blob_digest TEXT,
      blob_bytes INTEGER,
      media_type TEXT,
      created_at INTEGER NOT NULL,
      last_used_at INTEGER NOT NULL,
      use_count INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX build_steps_by_use ON build_steps (last_used_at);
    CREATE TABLE build_mounts (
      name TEXT PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      description TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      last_used_at INTEGER NOT NULL,
      use_count INTEGER NOT NULL
    ) STRICT`,
  },
];

/** What a step has led to. */
export interface StepRecord {
  /** digest over the operation and what it works on */
  readonly key: Digest;
  readonly id: string;
  readonly description: string;
  /** what it was done over */
  readonly parentChain: Digest | undefined;
  /** absent: the step changed no file */
  readonly layer: LayerRecord | undefined;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly useCount: number;
}

/** Results of steps, by their keys. */
export class StepTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(key: Digest): StepRecord | undefined {
    const row = this.#db.get('SELECT * FROM build_steps WHERE key = ?', key);
    return row && toRecord(row);
  }

  /** The one that was used last goes last. */
  list(): StepRecord[] {
    return this.#db.all('SELECT * FROM build_steps ORDER BY last_used_at, rowid').map(toRecord);
  }

  /** In the place of what was there. */
  put({ key, id, description, parentChain, layer, createdAt, lastUsedAt, useCount }: StepRecord): void {
    this.#db.run(
      'INSERT OR REPLACE INTO build_steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      key,
      id,
      description,
      parentChain ?? null,
      layer?.chainId ?? null,
      layer?.diffId ?? null,
      layer?.sizeBytes ?? null,
      layer?.blobDigest ?? null,
      layer?.blobBytes ?? null,
      layer?.mediaType ?? null,
      createdAt,
      lastUsedAt,
      useCount,
    );
  }

  noteUse(key: Digest, at: number): void {
    const sql = 'UPDATE build_steps SET last_used_at = ?, use_count = use_count + 1 WHERE key = ?';
    this.#db.run(sql, at, key);
  }

  delete(key: Digest): void {
    this.#db.run('DELETE FROM build_steps WHERE key = ?', key);
  }
}

function toRecord(row: Row): StepRecord {
  return {
    key: String(row['key']) as Digest, // as it was written
    id: String(row['id']),
    description: String(row['description']),
    parentChain: row['parent_chain'] === null ? undefined : (String(row['parent_chain']) as Digest),
    layer: row['chain_id'] === null ? undefined : toLayer(row),
    createdAt: Number(row['created_at']),
    lastUsedAt: Number(row['last_used_at']),
    useCount: Number(row['use_count']),
  };
}

function toLayer(row: Row): LayerRecord {
  return {
    chainId: String(row['chain_id']) as Digest, // as they were written
    diffId: String(row['diff_id']) as Digest,
    sizeBytes: Number(row['size_bytes']),
    blobDigest: String(row['blob_digest']) as Digest,
    blobBytes: Number(row['blob_bytes']),
    mediaType: String(row['media_type']),
  };
}
