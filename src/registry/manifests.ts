import { orNone } from '#base/errors';
import { type Digest, digestOf } from '#base/ids';
import { parseImageConfig } from '#spec/oci/image-config';
import type { Platform } from '#spec/oci/platform';
import type { ContentStore } from '#store/content-store';
import type { Database } from '#store/database';
import { checkSpace } from '#store/disk-space';
import type { Caller } from './access-control.ts';
import type { BlobTable } from './blob-table.ts';
import { RegistryError } from './errors.ts';
import { type ManifestFacts, readManifest } from './manifest-document.ts';
import type { ManifestTable, StoredManifest } from './manifest-table.ts';
import type { ManifestName } from './names.ts';
import type { PullCounter } from './pull-counter.ts';
import type { RegistryEvents } from './registry-events.ts';
import type { ReachFault } from './registry-faults.ts';
import type { RepositoryTable, StoredRepository } from './repository-table.ts';
import type { TagTable } from './tag-table.ts';

export interface ManifestsDeps {
  readonly db: Database;
  readonly content: ContentStore;
  readonly blobs: BlobTable;
  readonly manifests: ManifestTable;
  readonly repositories: RepositoryTable;
  readonly tags: TagTable;
  readonly events: RegistryEvents;
  readonly pulls: PullCounter;
  readonly reach: ReachFault;
  readonly now: () => number;
}

export interface NewManifestRequest {
  readonly repository: string;
  readonly name: ManifestName;
  readonly contentType: string;
  readonly bytes: Buffer;
  readonly caller: Caller;
}

/** Larger is no configuration of an image, and is not looked into. */
const MAX_CONFIG_BYTES = 1024 * 1024;
const MOST_TOLD = 5;

/** Manifests and tags of repositories: what makes a push visible. */
export class Manifests {
  readonly #deps: ManifestsDeps;

  constructor(deps: ManifestsDeps) {
    this.#deps = deps;
  }

  /**
   * Stores a manifest, and moves a tag there. When it resolves, a power cut takes nothing of it away.
   *
   * @throws {RegistryError} `MANIFEST_INVALID`, `DIGEST_INVALID`, `MANIFEST_BLOB_UNKNOWN`, `SIZE_INVALID`.
   * @throws {EngineError} `unavailable` for a full disk.
   */
  async put(request: NewManifestRequest): Promise<{ readonly digest: Digest; readonly subject?: Digest }> {
    const { bytes, name, repository, caller } = request;
    checkSpace(this.#deps.content.root); // also manifests are much, when they are many
    const facts = readManifest(bytes, request.contentType);
    const digest = digestOf(bytes);
    if (name.digest !== undefined && name.digest !== digest) {
      throw new RegistryError('DIGEST_INVALID', `expected ${name.digest}, got ${digest}`);
    }
    const platforms = await this.#platforms(repository, facts);
    const { db, tags, repositories, events, reach, now } = this.#deps;
    db.transaction(() => {
      const owner = repositories.ensure(repository, now());
      this.#store(owner, { facts, digest, platforms, body: bytes });
      if (name.tag !== undefined) {
        tags.set(owner.id, name.tag, { digest, now: now(), account: caller.account });
      }
      repositories.setPushed(owner.id, now());
    });
    reach('manifest.1-row');
    await db.synced();
    reach('manifest.2-synced');
    const { tag } = name;
    events.emit({ type: 'push', repository, tag, digest, account: caller.account, at: now() });
    return facts.subject === undefined ? { digest } : { digest, subject: facts.subject };
  }

  /** @throws {RegistryError} `MANIFEST_UNKNOWN`, `NAME_UNKNOWN`. */
  get(repository: string, name: ManifestName): StoredManifest {
    const { manifests, repositories } = this.#deps;
    const found =
      name.digest === undefined
        ? manifests.getByTag(repository, name.tag)
        : manifests.get(repository, name.digest);
    if (found) return found;
    if (!repositories.find(repository)) throw nameUnknown(repository);
    throw manifestUnknown(repository, name);
  }

  /** A manifest was fetched whole. */
  pulled(
    repository: string,
    name: ManifestName,
    { digest, caller }: { digest: Digest; caller: Caller },
  ): void {
    const { events, pulls, now } = this.#deps;
    pulls.count(repository, name);
    events.emit({ type: 'pull', repository, tag: name.tag, digest, account: caller.account, at: now() });
  }

  /**
   * By tag only the tag goes; by digest the manifest, and every tag on it.
   *
   * @throws {RegistryError} `MANIFEST_UNKNOWN`, `NAME_UNKNOWN`; `IN_USE` where an index has it.
   */
  remove(repository: string, name: ManifestName, caller: Caller): void {
    const { db, tags, manifests, repositories, events, now } = this.#deps;
    const owner = repositories.find(repository);
    if (!owner) throw nameUnknown(repository);
    const digest = name.digest ?? tags.find(owner.id, name.tag ?? '');
    const found = digest && manifests.find(owner.id, digest);
    if (!found) throw manifestUnknown(repository, name);
    db.transaction(() => {
      if (name.tag === undefined) this.#delete(owner, found);
      else tags.delete(owner.id, name.tag);
    });
    const { tag } = name;
    events.emit({
      type: 'delete',
      repository,
      tag,
      digest: found.digest,
      account: caller.account,
      at: now(),
    });
  }

  #delete(owner: StoredRepository, { id, digest }: { readonly id: number; readonly digest: Digest }): void {
    const { blobs, manifests, repositories, now } = this.#deps;
    const user = manifests.userOf(owner.id, digest);
    if (user !== undefined) {
      throw new RegistryError(
        'IN_USE',
        `the index ${user} of ${owner.name} has ${digest}: delete that first`,
      );
    }
    const references = manifests.referencesOf(id);
    manifests.delete(id);
    let freed = 0;
    // From now on they have the time of a blob that was just pushed: somebody may be pulling or mounting them.
    for (const each of references) {
      if (blobs.setUnused(owner.id, each, now())) freed += blobs.sizeOf(each) ?? 0;
    }
    repositories.addSize(owner.id, -freed);
  }

  #store(
    owner: StoredRepository,
    {
      facts,
      digest,
      platforms,
      body,
    }: { facts: ManifestFacts; digest: Digest; platforms: readonly Platform[]; body: Buffer },
  ): void {
    const { blobs, manifests, repositories, now } = this.#deps;
    const sizeBytes = this.#check(owner, facts);
    if (manifests.find(owner.id, digest)) return;
    const { mediaType, subject, artifactType, annotations } = facts;
    const references = [...facts.blobs, ...facts.manifests].map(needed => needed.digest);
    const all = { mediaType, subject, artifactType, annotations, references, platforms, sizeBytes };
    manifests.add({ ...all, repository: owner.id, digest, body }, now());
    let added = 0;
    for (const needed of new Map(facts.blobs.map(blob => [blob.digest, blob])).values()) {
      if (blobs.setUsed(owner.id, needed.digest)) added += needed.sizeBytes;
    }
    repositories.addSize(owner.id, added);
  }

  /** @returns bytes that a pull of it is, for the largest platform. @throws {RegistryError} for what is missing. */
  #check(owner: StoredRepository, facts: ManifestFacts): number {
    const { blobs, manifests } = this.#deps;
    const missing: Digest[] = [];
    let total = 0;
    for (const { digest, sizeBytes } of facts.blobs) {
      const found = blobs.find(owner.name, digest);
      if (!found) missing.push(digest);
      else if (found.sizeBytes !== sizeBytes) throw wrongSize(digest, sizeBytes, found.sizeBytes);
      total += sizeBytes;
    }
    for (const { digest, sizeBytes } of facts.manifests) {
      const found = manifests.find(owner.id, digest);
      if (!found) missing.push(digest);
      else if (found.bodyBytes !== sizeBytes) throw wrongSize(digest, sizeBytes, found.bodyBytes);
      total = Math.max(total, found?.sizeBytes ?? 0);
    }
    if (missing.length > 0) throw blobsUnknown(owner.name, missing);
    return total;
  }

  /** For people who look at a list of tags: what cannot be read says nothing. */
  async #platforms(repository: string, { manifests, config }: ManifestFacts): Promise<Platform[]> {
    if (config === undefined) {
      return manifests.flatMap(({ platform }) => (platform && isKnown(platform) ? [plain(platform)] : []));
    }
    const { blobs, content } = this.#deps;
    const found = blobs.find(repository, config);
    if (!found || found.sizeBytes > MAX_CONFIG_BYTES) return [];
    const bytes = await orNone(content.read(config, { maxBytes: MAX_CONFIG_BYTES }), 'notFound', 'dataLoss');
    try {
      const image = bytes && parseImageConfig(bytes);
      return image && isKnown(image) ? [plain(image)] : [];
    } catch {
      return [];
    }
  }
}

function plain({ os, architecture, variant }: Platform): Platform {
  return variant === undefined || variant === '' ? { os, architecture } : { os, architecture, variant };
}

/** Attestations beside an image call themselves `unknown/unknown`. */
function isKnown({ os, architecture }: Platform): boolean {
  return os !== '' && architecture !== '' && os !== 'unknown';
}

export function nameUnknown(repository: string): RegistryError {
  return new RegistryError('NAME_UNKNOWN', undefined, { detail: { name: repository } });
}

function manifestUnknown(repository: string, { tag, digest }: ManifestName): RegistryError {
  const detail = tag === undefined ? { name: repository, digest } : { name: repository, tag };
  return new RegistryError('MANIFEST_UNKNOWN', undefined, { detail });
}

function blobsUnknown(repository: string, missing: readonly Digest[]): RegistryError {
  const told = missing.slice(0, MOST_TOLD).join(', ');
  const more = missing.length > MOST_TOLD ? ` and ${missing.length - MOST_TOLD} more` : '';
  return new RegistryError('MANIFEST_BLOB_UNKNOWN', `${repository} does not have ${told}${more}`, {
    detail: { digests: missing.slice(0, MOST_TOLD) },
  });
}

function wrongSize(digest: Digest, said: number, real: number): RegistryError {
  return new RegistryError('SIZE_INVALID', `the manifest gives ${digest} ${said} bytes, it has ${real}`);
}
