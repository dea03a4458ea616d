import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Digest } from '#base/ids';
import type { ContentStore } from '#store/content-store';
import type { Database } from '#store/database';
import type { Leases } from '#store/leases';
import type { BlobTable } from './blob-table.ts';
import { RegistryError } from './errors.ts';
import type { ReachFault } from './registry-faults.ts';
import type { RepositoryTable } from './repository-table.ts';

export interface BlobsDeps {
  readonly db: Database;
  readonly content: ContentStore;
  readonly blobs: BlobTable;
  readonly repositories: RepositoryTable;
  /** blobs whose file is there before their row */
  readonly leases: Leases;
  readonly graceMs: number;
  readonly reach: ReachFault;
  readonly now: () => number;
}

export interface FoundBlob {
  readonly sizeBytes: number;
  readonly path: string;
  readonly isWhole: boolean;
}

/** A blob whose time runs out within this part of the grace is given all of it again when somebody asks for it. */
const RENEW_PART = 0.75;

/** The blobs of repositories. A repository gives out what was pushed or mounted there, and nothing else. */
export class Blobs {
  readonly #deps: BlobsDeps;

  constructor(deps: BlobsDeps) {
    this.#deps = deps;
  }

  /**
   * Whoever asks may be about to push a manifest with it, and will not send it again: it must not be collected before that.
   *
   * @throws {RegistryError} `BLOB_UNKNOWN`.
   */
  get(repository: string, digest: Digest): FoundBlob {
    const { blobs, content, repositories, graceMs, now } = this.#deps;
    const found = blobs.find(repository, digest);
    if (!found) throw blobUnknown(repository, digest);
    const { unusedSince, sizeBytes } = found;
    if (unusedSince !== undefined && now() - unusedSince > graceMs * (1 - RENEW_PART)) {
      const owner = repositories.find(repository);
      if (owner) blobs.link(owner.id, digest, now());
    }
    return { sizeBytes, path: content.path(digest), isWhole: this.#isWhole(digest, sizeBytes) };
  }

  /**
   * Makes a file that came and was hashed a blob of a repository: disk, then row. The file is gone after it.
   *
   * @param settle runs in the transaction that makes the blob known
   */
  async publish(
    repository: string,
    file: { readonly path: string; readonly digest: Digest; readonly sizeBytes: number },
    settle: () => void = () => undefined,
  ): Promise<void> {
    const { db, content, blobs, repositories, leases, reach, now } = this.#deps;
    const { path, digest, sizeBytes } = file;
    using _ = leases.hold([digest]);
    const isThere = blobs.sizeOf(digest) === sizeBytes && this.#isWhole(digest, sizeBytes);
    if (!isThere) await content.adopt(path, digest);
    reach('publish.1-file');
    db.transaction(() => {
      blobs.add(digest, sizeBytes);
      blobs.link(repositories.ensure(repository, now()).id, digest, now());
      settle();
    });
    reach('publish.2-row');
    if (isThere) await rm(path, { force: true });
  }

  /** Gives a repository what another one has. @returns whether it had it. */
  mount(digest: Digest, from: string, to: string): boolean {
    const { db, blobs, repositories, now } = this.#deps;
    const found = blobs.find(from, digest);
    if (!found || !this.#isWhole(digest, found.sizeBytes)) return false; // what is damaged is mended by sending it
    db.transaction(() => blobs.link(repositories.ensure(to, now()).id, digest, now()));
    return true;
  }

  /** Takes a blob away from a repository. @throws {RegistryError} `BLOB_UNKNOWN`; `IN_USE` while a manifest there refers to it. */
  remove(repository: string, digest: Digest): void {
    const { db, blobs, repositories } = this.#deps;
    const owner = repositories.find(repository);
    const found = blobs.find(repository, digest);
    if (!owner || !found) throw blobUnknown(repository, digest);
    if (found.unusedSince === undefined) {
      throw new RegistryError(
        'IN_USE',
        `a manifest of ${repository} refers to ${digest}: delete the manifest first`,
      );
    }
    db.transaction(() => blobs.unlink(owner.id, digest));
  }

  /** Whether the file is as long as it was; a disk, or somebody on it, may have lost some of it. */
  #isWhole(digest: Digest, sizeBytes: number): boolean {
    return statSync(this.#deps.content.path(digest), { throwIfNoEntry: false })?.size === sizeBytes;
  }
}

export function blobUnknown(repository: string, digest: Digest): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', undefined, { detail: { repository, digest } });
}
