import type { Digest } from '#base/ids';
import type { Platform } from '#spec/oci/platform';
import type { Database } from '#store/database';
import type { ManifestName } from './names.ts';
import type { TagRecord } from './repository-catalog.ts';

export class TagTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  set(
    repository: number,
    tag: string,
    {
      digest,
      now,
      account,
    }: { readonly digest: Digest; readonly now: number; readonly account: string | undefined },
  ): void {
    this.#db.run(
      `INSERT INTO registry_tags (repository, tag, digest, pushed_at, pushed_by) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (repository, tag) DO UPDATE
       SET digest = excluded.digest, pushed_at = excluded.pushed_at, pushed_by = excluded.pushed_by`,
      repository,
      tag,
      digest,
      now,
      account ?? null,
    );
  }

  find(repository: number, tag: string): Digest | undefined {
    const row = this.#db.get(
      'SELECT digest FROM registry_tags WHERE repository = ? AND tag = ?',
      repository,
      tag,
    );
    return row && (String(row['digest']) as Digest); // only digests are written
  }

  delete(repository: number, tag: string): void {
    this.#db.run('DELETE FROM registry_tags WHERE repository = ? AND tag = ?', repository, tag);
  }

  /** By digest, every tag on it: most clients look a tag up and then fetch by digest. */
  setPulled(repository: string, { tag, digest }: ManifestName, at: number): void {
    this.#db.run(
      `UPDATE registry_tags SET pulled_at = ?
       WHERE ${tag === undefined ? 'digest' : 'tag'} = ?
         AND repository = (SELECT id FROM registry_repositories WHERE name = ?)`,
      at,
      tag ?? digest,
      repository,
    );
  }

  /** In the order of the distribution specification, which does not look at capitals; `last` need not be there. */
  namesAfter(repository: number, last: string, limit: number): string[] {
    return this.#db
      .all(
        `SELECT tag FROM registry_tags
         WHERE repository = ? AND (tag COLLATE NOCASE > ? OR (tag COLLATE NOCASE = ? AND tag > ?))
         ORDER BY tag COLLATE NOCASE, tag LIMIT ?`,
        repository,
        last,
        last,
        last,
        limit,
      )
      .map(({ tag }) => String(tag));
  }

  /** The newest first. */
  list(repository: number): TagRecord[] {
    return this.#db
      .all(
        `SELECT t.*, m.media_type, m.size_bytes, m.platforms FROM registry_tags t
         JOIN registry_manifests m ON m.repository = t.repository AND m.digest = t.digest
         WHERE t.repository = ? ORDER BY t.pushed_at DESC, t.tag`,
        repository,
      )
      .map(row => ({
        tag: String(row['tag']),
        digest: String(row['digest']) as Digest, // only digests are written
        mediaType: String(row['media_type']),
        pushedAt: Number(row['pushed_at']),
        pushedBy: typeof row['pushed_by'] === 'string' ? row['pushed_by'] : undefined,
        pulledAt: typeof row['pulled_at'] === 'number' ? row['pulled_at'] : undefined,
        sizeBytes: Number(row['size_bytes']),
        platforms: JSON.parse(String(row['platforms'])) as Platform[], // as ManifestTable wrote it
      }));
  }
}
