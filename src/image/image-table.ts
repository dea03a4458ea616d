import type { Digest } from '#base/ids';
import type { Database, Migration, Row } from '#store/database';
import { signatureMigrations } from './trust/signature-table.ts';

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
  {
    name: 'image/2-manifests',
    sql: `CREATE TABLE manifests (
      digest TEXT PRIMARY KEY,
      media_type TEXT NOT NULL,
      content BLOB NOT NULL,
      image_id TEXT REFERENCES images (id) ON DELETE CASCADE,
      added_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX manifests_by_image ON manifests (image_id);
    CREATE TABLE manifest_blobs (
      manifest TEXT NOT NULL REFERENCES manifests (digest) ON DELETE CASCADE,
      position INTEGER NOT NULL,
      digest TEXT NOT NULL,
      size_bytes INTEGER NOT NULL,
      media_type TEXT NOT NULL,
      PRIMARY KEY (manifest, position)
    ) STRICT;
    CREATE INDEX manifest_blobs_by_digest ON manifest_blobs (digest);
    CREATE TABLE index_members (
      parent TEXT NOT NULL REFERENCES manifests (digest) ON DELETE CASCADE,
      child TEXT NOT NULL,
      PRIMARY KEY (parent, child)
    ) STRICT;
    CREATE INDEX index_members_by_child ON index_members (child);
    ALTER TABLE image_names ADD COLUMN target TEXT REFERENCES manifests (digest) ON DELETE SET NULL;
    CREATE INDEX image_names_by_target ON image_names (target);
    ALTER TABLE images ADD COLUMN last_used_at INTEGER;
    CREATE TABLE blob_sources (
      digest TEXT NOT NULL,
      repository TEXT NOT NULL,
      seen_at INTEGER NOT NULL,
      PRIMARY KEY (digest, repository)
    ) STRICT;
    CREATE TABLE compressed_layers (
      diff_id TEXT PRIMARY KEY,
      digest TEXT NOT NULL,
      size_bytes INTEGER NOT NULL
    ) STRICT`,
  },
  ...signatureMigrations,
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
  /** those of them that mean an index where this image is for another platform than the host's */
  readonly sharedNames: readonly string[];
  readonly addedAt: number;
  readonly lastTaggedAt?: number;
  readonly lastUsedAt?: number;
}

/** What a name points at: the image for this host, and the manifest or index that was named so. */
export interface NamedTarget {
  readonly imageId: Digest;
  readonly target?: Digest;
}

export type NewImageRecord = Pick<ImageRecord, 'id' | 'config' | 'manifestDigest' | 'layers'>;

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
    const { config, manifest_digest: manifestDigest } = row;
    if (!(config instanceof Uint8Array)) throw new TypeError('a BLOB column holds bytes');
    return {
      id,
      config: Buffer.from(config.buffer, config.byteOffset, config.byteLength),
      ...(manifestDigest === null ? {} : { manifestDigest: digest(row, 'manifest_digest') }),
      layers: this.#layers(id),
      ...this.#names(id),
      addedAt: Number(row['added_at']),
      ...time(row, 'last_tagged_at', 'lastTaggedAt'),
      ...time(row, 'last_used_at', 'lastUsedAt'),
    };
  }

  /** Images whose manifest is no row: see `adopt-manifests.ts`. */
  withLostManifest(): {
    readonly id: Digest;
    readonly manifestDigest: Digest;
    readonly layers: LayerRecord[];
  }[] {
    const sql = `SELECT id, manifest_digest FROM images WHERE manifest_digest IS NOT NULL
      AND manifest_digest NOT IN (SELECT digest FROM manifests)`;
    return this.#db.all(sql).map(row => {
      const id = digest(row, 'id');
      return { id, manifestDigest: digest(row, 'manifest_digest'), layers: this.#layers(id) };
    });
  }

  insert({ id, config, manifestDigest, layers }: NewImageRecord): void {
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

  /** Points a name at an image, and the manifest or index it is part of, wherever it pointed before. */
  setName(name: string, { imageId, target }: NamedTarget): void {
    this.#db.run(
      `INSERT INTO image_names (name, image_id, target) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET image_id = excluded.image_id, target = excluded.target`,
      name,
      imageId,
      target ?? null,
    );
    this.#db.run('UPDATE images SET last_tagged_at = ? WHERE id = ?', Date.now(), imageId);
  }

  setUsed(id: Digest, at: number): void {
    this.#db.run('UPDATE images SET last_used_at = ? WHERE id = ?', at, id);
  }

  deleteName(name: string): void {
    this.#db.run('DELETE FROM image_names WHERE name = ?', name);
  }

  /** What a complete reference points at. */
  ofName(name: string): NamedTarget | undefined {
    const row = this.#db.get('SELECT image_id, target FROM image_names WHERE name = ?', name);
    return row && targetOf(row);
  }

  /** All names of one repository (`docker.io/library/busybox`), tags and digests. */
  namesIn(repository: string): string[] {
    return this.#db
      .all(
        `SELECT name FROM image_names WHERE name > ?1 || ':' AND name < ?1 || ';'
         UNION SELECT name FROM image_names WHERE name > ?1 || '@' AND name < ?1 || 'A' ORDER BY name`,
        repository,
      )
      .map(row => String(row['name']));
  }

  ownsBlob(blob: Digest): boolean {
    return (
      this.#db.get(
        `SELECT 1 FROM image_layers WHERE blob_digest = ?1
         UNION ALL SELECT 1 FROM manifest_blobs WHERE digest = ?1 LIMIT 1`,
        blob,
      ) !== undefined
    );
  }

  ownsChain(chainId: string): boolean {
    return this.#db.get('SELECT 1 FROM image_layers WHERE chain_id = ? LIMIT 1', chainId) !== undefined;
  }

  /** Whether it is known that this blob, decompressed, has this digest. */
  isProven(diffId: Digest, blobDigest: Digest): boolean {
    return this.provenBlobs(diffId).includes(blobDigest);
  }

  /** Blobs that are known to be this, decompressed. */
  provenBlobs(diffId: Digest): Digest[] {
    return this.#db
      .all(
        `SELECT blob_digest AS digest FROM image_layers WHERE diff_id = ?1
         UNION SELECT b.digest FROM image_layers l JOIN manifests m ON m.image_id = l.image_id
           JOIN manifest_blobs b ON b.manifest = m.digest AND b.position = l.position WHERE l.diff_id = ?1`,
        diffId,
      )
      .map(row => digest(row, 'digest'));
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

  #names(id: Digest): Pick<ImageRecord, 'names' | 'sharedNames'> {
    const own = this.#db.all('SELECT name FROM image_names WHERE image_id = ? ORDER BY name', id);
    const shared = this.#db.all(
      `SELECT DISTINCT n.name FROM manifests m JOIN index_members e ON e.child = m.digest
       JOIN image_names n ON n.target = e.parent WHERE m.image_id = ?1 AND n.image_id <> ?1 ORDER BY n.name`,
      id,
    );
    const sharedNames = shared.map(row => String(row['name']));
    return { names: [...own.map(row => String(row['name'])), ...sharedNames].toSorted(), sharedNames };
  }
}

function digest(row: Row, column: string): Digest {
  return String(row[column]) as Digest; // only digests are written to these columns
}

function targetOf(row: Row): NamedTarget {
  const imageId = digest(row, 'image_id');
  return row['target'] === null ? { imageId } : { imageId, target: digest(row, 'target') };
}

function time<Name extends string>(row: Row, column: string, name: Name): { [N in Name]?: number } {
  const value = row[column];
  // One property of that name, or none.
  return (value === null || value === undefined ? {} : { [name]: Number(value) }) as { [N in Name]?: number };
}
