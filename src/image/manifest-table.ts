import type { Digest } from '#base/ids';
import type { Database, Row } from '#store/database';

/** A blob that a manifest names: a layer by its position, or (-1) the configuration of what is no image. */
export interface ManifestBlob {
  readonly position: number;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly mediaType: string;
}

/** A manifest or an index, byte for byte as it came. */
export interface ManifestDocumentRow {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly content: Buffer;
}

export interface NewManifest extends ManifestDocumentRow {
  /** absent for an index, and for what is no image (an attestation, a signature) */
  readonly imageId?: Digest;
  readonly blobs: readonly ManifestBlob[];
  /** manifests that an index leads to, also through another index */
  readonly members?: readonly Digest[];
}

export interface ManifestRecord extends ManifestDocumentRow {
  readonly imageId?: Digest;
}

/**
 * Manifests and indexes. Those of an image go with it; others stay as long as a name points at them, or at an index
 * that leads to them.
 */
export class ManifestTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(digest: Digest): ManifestRecord | undefined {
    const row = this.#db.get('SELECT * FROM manifests WHERE digest = ?', digest);
    return row && fromRow(row);
  }

  /** Happy when it is there already. */
  insert({ digest, mediaType, content, imageId, blobs, members = [] }: NewManifest): void {
    this.#db.transaction(() => {
      const added = this.#db.run(
        'INSERT OR IGNORE INTO manifests (digest, media_type, content, image_id, added_at) VALUES (?, ?, ?, ?, ?)',
        digest,
        mediaType,
        content,
        imageId ?? null,
        Date.now(),
      );
      if (added === 0) return;
      for (const blob of blobs) {
        const { position, sizeBytes } = blob;
        const sql = 'INSERT INTO manifest_blobs VALUES (?, ?, ?, ?, ?)';
        this.#db.run(sql, digest, position, blob.digest, sizeBytes, blob.mediaType);
      }
      for (const member of new Set(members)) {
        this.#db.run('INSERT INTO index_members VALUES (?, ?)', digest, member);
      }
    });
  }

  /** Of an image, the oldest first. */
  ofImage(imageId: Digest): ManifestRecord[] {
    return this.#db.all('SELECT * FROM manifests WHERE image_id = ? ORDER BY rowid', imageId).map(fromRow);
  }

  /** What of an index is here: images and others. */
  membersOf(parent: Digest): ManifestRecord[] {
    const sql = `SELECT m.* FROM index_members e JOIN manifests m ON m.digest = e.child
      WHERE e.parent = ? ORDER BY m.rowid`;
    return this.#db.all(sql, parent).map(fromRow);
  }

  blobsOf(manifest: Digest): ManifestBlob[] {
    const sql = 'SELECT * FROM manifest_blobs WHERE manifest = ? ORDER BY position';
    return this.#db.all(sql, manifest).map(row => ({
      position: Number(row['position']),
      digest: digestIn(row, 'digest'),
      sizeBytes: Number(row['size_bytes']),
      mediaType: String(row['media_type']),
    }));
  }

  /** Removes what no image has and no name leads to. @returns the blobs they named. */
  deleteUnused(): Digest[] {
    const unused = `SELECT digest FROM manifests WHERE image_id IS NULL
      AND digest NOT IN (SELECT target FROM image_names WHERE target IS NOT NULL)
      AND digest NOT IN (SELECT e.child FROM index_members e JOIN image_names n ON n.target = e.parent)`;
    const blobs = this.#db
      .all(`SELECT digest FROM manifest_blobs WHERE manifest IN (${unused})`)
      .map(row => digestIn(row, 'digest'));
    this.#db.run(`DELETE FROM manifests WHERE digest IN (${unused})`);
    return blobs;
  }
}

function fromRow(row: Row): ManifestRecord {
  const { content, image_id: imageId } = row;
  if (!(content instanceof Uint8Array)) throw new TypeError('a BLOB column holds bytes');
  return {
    digest: digestIn(row, 'digest'),
    mediaType: String(row['media_type']),
    content: Buffer.from(content.buffer, content.byteOffset, content.byteLength),
    ...(imageId === null ? {} : { imageId: digestIn(row, 'image_id') }),
  };
}

function digestIn(row: Row, column: string): Digest {
  return String(row[column]) as Digest; // only digests are written to these columns
}
