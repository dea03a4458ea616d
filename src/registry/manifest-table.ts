import type { Digest } from '#base/ids';
import type { Platform } from '#spec/oci/platform';
import type { Database, Row } from '#store/database';

export interface NewManifest {
  readonly repository: number;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly subject: Digest | undefined;
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** compressed, of the largest platform */
  readonly sizeBytes: number;
  readonly platforms: readonly Platform[];
  readonly references: readonly Digest[];
  readonly body: Buffer;
}

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly body: Buffer;
}

/** What is known of a manifest without its bytes. */
export interface ManifestSummary {
  readonly id: number;
  readonly digest: Digest;
  readonly bodyBytes: number;
  readonly sizeBytes: number;
}

export interface ReferrerName {
  readonly id: number;
  readonly digest: Digest;
  readonly annotationBytes: number;
}

export interface Referrer {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly artifactType: string;
  /** JSON */
  readonly annotations: string;
}

export class ManifestTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  get(repository: string, digest: Digest): StoredManifest | undefined {
    const row = this.#db.get(
      `SELECT m.digest, m.media_type, m.body FROM registry_repositories r
       JOIN registry_manifests m ON m.repository = r.id AND m.digest = ? WHERE r.name = ?`,
      digest,
      repository,
    );
    return row && stored(row);
  }

  getByTag(repository: string, tag: string): StoredManifest | undefined {
    const row = this.#db.get(
      `SELECT m.digest, m.media_type, m.body FROM registry_repositories r
       JOIN registry_tags t ON t.repository = r.id AND t.tag = ?
       JOIN registry_manifests m ON m.repository = r.id AND m.digest = t.digest WHERE r.name = ?`,
      tag,
      repository,
    );
    return row && stored(row);
  }

  find(repository: number, digest: Digest): ManifestSummary | undefined {
    const row = this.#db.get(
      `SELECT id, digest, length(body) AS body_bytes, size_bytes FROM registry_manifests
       WHERE repository = ? AND digest = ?`,
      repository,
      digest,
    );
    if (!row) return undefined;
    return {
      id: Number(row['id']),
      digest,
      bodyBytes: Number(row['body_bytes']),
      sizeBytes: Number(row['size_bytes']),
    };
  }

  add(manifest: NewManifest, now: number): void {
    const row = this.#db.get(
      `INSERT INTO registry_manifests
       (repository, digest, media_type, subject, artifact_type, annotations, size_bytes, platforms, pushed_at, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
      manifest.repository,
      manifest.digest,
      manifest.mediaType,
      manifest.subject ?? null,
      manifest.artifactType,
      JSON.stringify(manifest.annotations),
      manifest.sizeBytes,
      JSON.stringify(manifest.platforms),
      now,
      manifest.body,
    );
    for (const digest of new Set(manifest.references)) {
      this.#db.run(
        'INSERT INTO registry_references (manifest, digest, repository) VALUES (?, ?, ?)',
        Number(row?.['id']),
        digest,
        manifest.repository,
      );
    }
  }

  /** What a manifest refers to. */
  referencesOf(id: number): Digest[] {
    return this.#db.all('SELECT digest FROM registry_references WHERE manifest = ?', id).map(digestOf);
  }

  /** A manifest of the repository that refers to this one, or to this blob. */
  userOf(repository: number, digest: Digest): Digest | undefined {
    const row = this.#db.get(
      `SELECT m.digest FROM registry_references f JOIN registry_manifests m ON m.id = f.manifest
       WHERE f.repository = ? AND f.digest = ? LIMIT 1`,
      repository,
      digest,
    );
    return row && digestOf(row);
  }

  /** With the tags on it. */
  delete(id: number): void {
    this.#db.run('DELETE FROM registry_manifests WHERE id = ?', id);
  }

  /**
   * What is said of a manifest, after `last`, in the order of digests: names and how much they have to say, which may be a lot.
   * {@link referrer} has the rest.
   */
  referrers(
    repository: string,
    subject: Digest,
    {
      artifactType,
      last,
      limit,
    }: { readonly artifactType?: string; readonly last: string; readonly limit: number },
  ): ReferrerName[] {
    return this.#db
      .all(
        `SELECT m.id, m.digest, octet_length(m.annotations) AS bytes
         FROM registry_repositories r JOIN registry_manifests m ON m.repository = r.id
         WHERE r.name = ? AND m.subject = ? AND m.digest > ? AND (? IS NULL OR m.artifact_type = ?)
         ORDER BY m.digest LIMIT ?`,
        repository,
        subject,
        last,
        artifactType ?? null,
        artifactType ?? null,
        limit,
      )
      .map(row => ({ id: Number(row['id']), digest: digestOf(row), annotationBytes: Number(row['bytes']) }));
  }

  referrer({ id, digest }: ReferrerName): Referrer {
    const row = this.#db.get(
      'SELECT media_type, artifact_type, annotations, length(body) AS size FROM registry_manifests WHERE id = ?',
      id,
    );
    if (!row) throw new TypeError('a referrer that was there a moment ago'); // nothing is awaited in between
    return {
      digest,
      mediaType: String(row['media_type']),
      size: Number(row['size']),
      artifactType: String(row['artifact_type']),
      annotations: String(row['annotations']),
    };
  }
}

function stored(row: Row): StoredManifest {
  const body = row['body'];
  if (!(body instanceof Uint8Array)) throw new TypeError('a manifest without bytes'); // NOT NULL BLOB
  return {
    digest: digestOf(row),
    mediaType: String(row['media_type']),
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
  };
}

function digestOf(row: Row): Digest {
  return String(row['digest']) as Digest; // only digests are written
}
