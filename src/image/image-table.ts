import type { Digest } from '#base/ids';
import type { Database, Migration, Row } from '#store/database';

export const imageMigrations: readonly Migration[] = [
  {
    name: 'image/1-images',
    sql: `CREATE TABLE images (
      id TEXT PRIMARY KEY,
      config BLOB NOT NULL,
      manifest_digest TEXT,
      added_at INTEGER NOT NULL,
      last_tagged_at INTEGER
    ) STRICT;
    CREATE TABLE image_layers (
      image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
      position INTEGER NOT NULL,
      diff_id TEXT NOT NULL,
      chain_id TEXT NOT NULL,
      size_bytes INTEGER NOT NULL,
      blob_digest TEXT NOT NULL,
      blob_bytes INTEGER NOT NULL,
      media_type TEXT NOT NULL,
      PRIMARY KEY (image_id, position)
    ) STRICT;
    CREATE INDEX image_layers_by_chain ON image_layers (chain_id);
    CREATE INDEX image_layers_by_blob ON image_layers (blob_digest);
    CREATE INDEX image_layers_by_diff ON image_layers (diff_id, blob_digest);
    CREATE TABLE image_names (
      name TEXT PRIMARY KEY,
      image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
    ) STRICT;
    CREATE INDEX image_names_by_image ON image_names (image_id)`,
  },
];

/** A layer of an image: as a part of the stack, and as the blob it came in. */
export interface LayerRecord {
  readonly diffId: Digest;
  readonly chainId: Digest;
  /** content of its files */
  readonly sizeBytes: number;
  readonly blobDigest: Digest;
  readonly blobBytes: number;
  readonly mediaType: string;
}

export interface ImageRecord {
  readonly id: Digest;
  /** the configuration blob, byte for byte */
  readonly config: Buffer;
  readonly manifestDigest?: Digest;
  /** lowest first */
  readonly layers: readonly LayerRecord[];
  /** complete references with a tag or a digest: `docker.io/library/busybox:latest` */
  readonly names: readonly string[];
  readonly lastTaggedAt?: number;
}

export class ImageTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  transaction(work: () => void): void {
    this.#db.transaction(work);
  }

  ids(): Digest[] {
    return this.#db.all('SELECT id FROM images ORDER BY added_at').map(row => digest(row, 'id'));
  }

  find(id: Digest): ImageRecord | undefined {
    const row = this.#db.get('SELECT * FROM images WHERE id = ?', id);
    if (!row) return undefined;
    const { config, manifest_digest: manifestDigest, last_tagged_at: lastTaggedAt } = row;
    if (!(config instanceof Uint8Array)) throw new TypeError('a BLOB column holds bytes');
    return {
      id,
      config: Buffer.from(config.buffer, config.byteOffset, config.byteLength),
      ...(manifestDigest === null ? {} : { manifestDigest: digest(row, 'manifest_digest') }),
      layers: this.#layers(id),
      names: this.#names(id),
      ...(lastTaggedAt === null ? {} : { lastTaggedAt: Number(lastTaggedAt) }),
    };
  }

  insert({ id, config, manifestDigest, layers }: Omit<ImageRecord, 'names' | 'lastTaggedAt'>): void {
    this.#db.run(
      'INSERT INTO images (id, config, manifest_digest, added_at) VALUES (?, ?, ?, ?)',
      id,
      config,
      manifestDigest ?? null,
      Date.now(),
    );
    for (const [position, layer] of layers.entries()) {
      this.#db.run(
        'INSERT INTO image_layers VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        id,
        position,
        layer.diffId,
        layer.chainId,
        layer.sizeBytes,
        layer.blobDigest,
        layer.blobBytes,
        layer.mediaType,
      );
    }
  }

  delete(id: Digest): void {
    this.#db.run('DELETE FROM images WHERE id = ?', id);
  }

  /** Points a name at an image, wherever it pointed before. */
  setName(name: string, id: Digest): void {
    this.#db.run(
      'INSERT INTO image_names (name, image_id) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image_id = excluded.image_id',
      name,
      id,
    );
    this.#db.run('UPDATE images SET last_tagged_at = ? WHERE id = ?', Date.now(), id);
  }

  deleteName(name: string): void {
    this.#db.run('DELETE FROM image_names WHERE name = ?', name);
  }

  /** The image of a complete reference. */
  idOfName(name: string): Digest | undefined {
    const row = this.#db.get('SELECT image_id FROM image_names WHERE name = ?', name);
    return row && digest(row, 'image_id');
  }

  ownsBlob(blob: Digest): boolean {
    return (
      this.#db.get(
        `SELECT 1 FROM images WHERE id = ?1 OR manifest_digest = ?1
         UNION ALL SELECT 1 FROM image_layers WHERE blob_digest = ?1 LIMIT 1`,
        blob,
      ) !== undefined
    );
  }

  ownsChain(chainId: string): boolean {
    return this.#db.get('SELECT 1 FROM image_layers WHERE chain_id = ? LIMIT 1', chainId) !== undefined;
  }

  /** Whether it is known that this blob, decompressed, has this digest. */
  isProven(diffId: Digest, blobDigest: Digest): boolean {
    const sql = 'SELECT 1 FROM image_layers WHERE diff_id = ? AND blob_digest = ? LIMIT 1';
    return this.#db.get(sql, diffId, blobDigest) !== undefined;
  }

  /** Size of a layer that some image has. */
  layerSize(chainId: Digest): number | undefined {
    const row = this.#db.get('SELECT size_bytes FROM image_layers WHERE chain_id = ? LIMIT 1', chainId);
    return row && Number(row['size_bytes']);
  }

  #layers(id: Digest): LayerRecord[] {
    return this.#db.all('SELECT * FROM image_layers WHERE image_id = ? ORDER BY position', id).map(row => ({
      diffId: digest(row, 'diff_id'),
      chainId: digest(row, 'chain_id'),
      sizeBytes: Number(row['size_bytes']),
      blobDigest: digest(row, 'blob_digest'),
      blobBytes: Number(row['blob_bytes']),
      mediaType: String(row['media_type']),
    }));
  }

  #names(id: Digest): string[] {
    return this.#db
      .all('SELECT name FROM image_names WHERE image_id = ? ORDER BY name', id)
      .map(row => String(row['name']));
  }
}

function digest(row: Row, column: string): Digest {
  return String(row[column]) as Digest; // only digests are written to these columns
}
