import type { Migration } from '#store/database';

export const registryMigrations: readonly Migration[] = [
  {
    name: 'registry/1-repositories',
    sql: `
      CREATE TABLE registry_repositories (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL,
        pushed_at INTEGER,
        pulls INTEGER NOT NULL DEFAULT 0,
        size_bytes INTEGER NOT NULL DEFAULT 0
      ) STRICT;

      -- every file of the content store
      CREATE TABLE registry_blobs (
        digest TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- which repositories may give out a blob; unused_since is null while a manifest there refers to it
      CREATE TABLE registry_links (
        repository INTEGER NOT NULL REFERENCES registry_repositories (id) ON DELETE CASCADE,
        digest TEXT NOT NULL REFERENCES registry_blobs (digest),
        unused_since INTEGER,
        PRIMARY KEY (repository, digest)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX registry_links_by_digest ON registry_links (digest);
      CREATE INDEX registry_links_unused ON registry_links (unused_since) WHERE unused_since IS NOT NULL;

      -- blobs that lost a repository: whoever has none left is collected
      CREATE TABLE registry_garbage (digest TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

      CREATE TABLE registry_manifests (
        id INTEGER PRIMARY KEY,
        repository INTEGER NOT NULL REFERENCES registry_repositories (id) ON DELETE CASCADE,
        digest TEXT NOT NULL,
        media_type TEXT NOT NULL,
        subject TEXT,
        artifact_type TEXT NOT NULL,
        annotations TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        platforms TEXT NOT NULL,
        pushed_at INTEGER NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (repository, digest)
      ) STRICT;
      CREATE INDEX registry_manifests_by_subject ON registry_manifests (repository, subject, digest)
        WHERE subject IS NOT NULL;

      -- blobs and manifests that a manifest refers to
      CREATE TABLE registry_references (
        manifest INTEGER NOT NULL REFERENCES registry_manifests (id) ON DELETE CASCADE,
        digest TEXT NOT NULL,
        repository INTEGER NOT NULL,
        PRIMARY KEY (manifest, digest)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX registry_references_by_digest ON registry_references (repository, digest);

      CREATE TABLE registry_tags (
        repository INTEGER NOT NULL REFERENCES registry_repositories (id) ON DELETE CASCADE,
        tag TEXT NOT NULL,
        digest TEXT NOT NULL,
        pushed_at INTEGER NOT NULL,
        pushed_by TEXT,
        pulled_at INTEGER,
        PRIMARY KEY (repository, tag),
        FOREIGN KEY (repository, digest) REFERENCES registry_manifests (repository, digest) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX registry_tags_by_digest ON registry_tags (repository, digest);
      CREATE INDEX registry_tags_in_order ON registry_tags (repository, tag COLLATE NOCASE, tag);

      CREATE TABLE registry_uploads (
        id TEXT PRIMARY KEY,
        repository TEXT NOT NULL,
        account TEXT,
        caller TEXT NOT NULL,
        touched_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX registry_uploads_by_caller ON registry_uploads (caller);
      CREATE INDEX registry_uploads_by_age ON registry_uploads (touched_at);
    `,
  },
];
