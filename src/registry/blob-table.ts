import type { Digest } from '#base/ids';
import type { Database, Row } from '#store/database';

export interface LinkedBlob {
  readonly sizeBytes: number;
  /** `undefined` while a manifest of the repository refers to it */
  readonly unusedSince: number | undefined;
}

/** Blobs, and the repositories that have them. */
export class BlobTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Of a blob that any repository has, or had until a moment ago. */
  sizeOf(digest: Digest): number | undefined {
    const row = this.#db.get('SELECT size_bytes FROM registry_blobs WHERE digest = ?', digest);
    return row && Number(row['size_bytes']);
  }

  find(repository: string, digest: Digest): LinkedBlob | undefined {
    const row = this.#db.get(
      `SELECT b.size_bytes, l.unused_since FROM registry_repositories r
       JOIN registry_links l ON l.repository = r.id AND l.digest = ?
       JOIN registry_blobs b ON b.digest = l.digest WHERE r.name = ?`,
      digest,
      repository,
    );
    if (!row) return undefined;
    const since = row['unused_since'] ?? null;
    return { sizeBytes: Number(row['size_bytes']), unusedSince: since === null ? undefined : Number(since) };
  }

  add(digest: Digest, sizeBytes: number): void {
    this.#db.run(
      `INSERT INTO registry_blobs VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET size_bytes = excluded.size_bytes`,
      digest,
      sizeBytes,
    );
  }

  /** Gives a repository a blob; its time to be used begins anew, unless it is used. */
  link(repository: number, digest: Digest, now: number): void {
    this.#db.run(
      `INSERT INTO registry_links VALUES (?, ?, ?)
       ON CONFLICT (repository, digest) DO UPDATE SET unused_since = excluded.unused_since
       WHERE unused_since IS NOT NULL`,
      repository,
      digest,
      now,
    );
  }

  /** @returns whether it was unused until now. */
  setUsed(repository: number, digest: Digest): boolean {
    const sql = `UPDATE registry_links SET unused_since = NULL
      WHERE repository = ? AND digest = ? AND unused_since IS NOT NULL`;
    return this.#db.run(sql, repository, digest) > 0;
  }

  /** Unless a manifest refers to it. @returns whether it was used until now. */
  setUnused(repository: number, digest: Digest, now: number): boolean {
    const sql = `UPDATE registry_links SET unused_since = ?
      WHERE repository = ? AND digest = ? AND unused_since IS NULL AND NOT EXISTS
        (SELECT 1 FROM registry_references f WHERE f.repository = registry_links.repository AND f.digest = registry_links.digest)`;
    return this.#db.run(sql, now, repository, digest) > 0;
  }

  unlink(repository: number, digest: Digest): void {
    this.#db.run('DELETE FROM registry_links WHERE repository = ? AND digest = ?', repository, digest);
    this.#db.run('INSERT OR IGNORE INTO registry_garbage VALUES (?)', digest);
  }

  /** Takes blobs away from repositories that have not used them since before `before`. @returns how many. */
  unlinkUnused(before: number, limit: number): number {
    const rows = this.#db.all(
      'SELECT repository, digest FROM registry_links WHERE unused_since < ? LIMIT ?',
      before,
      limit,
    );
    for (const row of rows) this.unlink(Number(row['repository']), digestOf(row));
    return rows.length;
  }

  garbageAfter(last: string, limit: number): Digest[] {
    return this.#db
      .all('SELECT digest FROM registry_garbage WHERE digest > ? ORDER BY digest LIMIT ?', last, limit)
      .map(digestOf);
  }

  /** Forgets a blob that no repository has. @returns whether that was so. */
  deleteOrphan(digest: Digest): boolean {
    this.#db.run('DELETE FROM registry_garbage WHERE digest = ?', digest);
    const sql = `DELETE FROM registry_blobs WHERE digest = ? AND NOT EXISTS
      (SELECT 1 FROM registry_links l WHERE l.digest = registry_blobs.digest)`;
    return this.#db.run(sql, digest) > 0;
  }

  /** What repositories have altogether, each blob once. */
  totals(): { readonly blobs: number; readonly sizeBytes: number } {
    const row = this.#db.get('SELECT COUNT(*) AS blobs, SUM(size_bytes) AS bytes FROM registry_blobs');
    return { blobs: Number(row?.['blobs'] ?? 0), sizeBytes: Number(row?.['bytes'] ?? 0) };
  }
}

function digestOf(row: Row): Digest {
  return String(row['digest']) as Digest; // only digests are written
}
