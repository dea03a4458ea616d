import type { Digest } from '#base/ids';
import type { Database } from '#store/database';

/** Repositories remembered per blob: a push asks them in turn. */
const MOST_SOURCES = 8;

export interface CompressedLayer {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** What is known of blobs beside who owns them. */
export class BlobTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** A repository (`docker.io/library/busybox`) is known to have the blob. */
  addSource(digest: Digest, repository: string): void {
    this.#db.run(
      `INSERT INTO blob_sources VALUES (?, ?, ?)
       ON CONFLICT (digest, repository) DO UPDATE SET seen_at = excluded.seen_at`,
      digest,
      repository,
      Date.now(),
    );
  }

  /** Repositories of a registry that may have the blob, the latest first. */
  sourcesOf(digest: Digest, domain: string): string[] {
    return this.#db
      .all(
        `SELECT repository FROM blob_sources WHERE digest = ? AND substr(repository, 1, ?) = ?
         ORDER BY seen_at DESC LIMIT ?`,
        digest,
        domain.length + 1,
        `${domain}/`,
        MOST_SOURCES,
      )
      .map(({ repository }) => String(repository));
  }

  /** What a layer was compressed to when it was pushed. */
  compressed(diffId: Digest): CompressedLayer | undefined {
    const row = this.#db.get('SELECT digest, size_bytes FROM compressed_layers WHERE diff_id = ?', diffId);
    return row && { digest: String(row['digest']) as Digest, sizeBytes: Number(row['size_bytes']) };
  }

  setCompressed(diffId: Digest, { digest, sizeBytes }: CompressedLayer): void {
    const sql = `INSERT INTO compressed_layers VALUES (?, ?, ?)
      ON CONFLICT (diff_id) DO UPDATE SET digest = excluded.digest, size_bytes = excluded.size_bytes`;
    this.#db.run(sql, diffId, digest, sizeBytes);
  }
}
