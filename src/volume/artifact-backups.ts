import { pipeline, Readable } from 'node:stream';
import { createZstdCompress } from 'node:zlib';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import { EMPTY_CONFIG } from '#spec/oci/empty-config';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { canonicalName, parseName, type Reference } from '#spec/reference';
import type { ArtifactRegistries, ArtifactRepository, RegistryLogin } from './artifact-repository.ts';
import { artifactManifest, parseArtifact } from './backup-artifact.ts';
import { TagOwners } from './tag-owners.ts';
import type { Volume } from './volume.ts';
import type { VolumeContents } from './volume-contents.ts';

export interface ArtifactBackupOptions extends Abortable {
  /** how many of this volume's stay that have the time as their tag; absent: all */
  readonly keep?: number;
  readonly login?: RegistryLogin;
}

export interface ArtifactBackup {
  /** `host/repository:tag@digest`, which {@link ArtifactBackups.restore} takes */
  readonly name: string;
  readonly volume: string;
  readonly createdAt: string;
  readonly digest: Digest;
  /** of the archive */
  readonly archive: { readonly digest: Digest; readonly size: number };
}

/** As {@link timeTag} makes them. */
const TIME_TAG = /^\d{8}T\d{6}\.\d{3}Z$/;
/** More tags than anyone reads; a registry could go on for ever. */
const MOST_TAGS = 10_000;

/**
 * Backups of volumes as OCI artifacts in a registry: the archive streams there while the volume is read, then the manifest
 * gives it a name. What a crash leaves is an upload without a name, which the registry clears up.
 */
export class ArtifactBackups {
  readonly #get: (name: string) => Volume;
  readonly #contents: Pick<VolumeContents, 'pack' | 'unpack'>;
  readonly #registries: ArtifactRegistries;
  readonly #owners = new TagOwners();

  constructor(deps: {
    readonly get: (name: string) => Volume;
    readonly contents: Pick<VolumeContents, 'pack' | 'unpack'>;
    readonly registries: ArtifactRegistries;
  }) {
    this.#get = deps.get;
    this.#contents = deps.contents;
    this.#registries = deps.registries;
  }

  /**
   * @param name of a place: `host/repository:tag`; without a tag it gets the time
   * @throws {EngineError} `notFound` for the volume, `invalid` for the name, what the registry says.
   */
  async make(
    volumeName: string,
    name: string,
    { keep, login, signal }: ArtifactBackupOptions = {},
  ): Promise<ArtifactBackup> {
    const { driver } = this.#get(volumeName);
    const reference = checkBackupName(name, keep);
    const abortable = signal ? { signal } : {};
    const repository = this.#registries.repository(reference, login);
    const createdAt = new Date().toISOString();
    const archive = await repository.uploadStream(() => this.#archive(volumeName, abortable), abortable);
    await repository.upload(
      EMPTY_CONFIG,
      from => Readable.from([EMPTY_CONFIG.bytes.subarray(from)]),
      abortable,
    );
    const manifest = artifactManifest({ volume: volumeName, driver, createdAt, archive });
    const tag = reference.tag ?? timeTag(createdAt);
    const digest = await repository.putManifest(tag, MEDIA_TYPES.ociManifest, manifest, abortable);
    if (keep !== undefined) {
      const place = canonicalName(reference);
      this.#owners.note(place, tag, volumeName);
      await this.#removeOldest({ repository, place }, volumeName, keep, abortable);
    }
    return {
      name: `${canonicalName(reference)}:${tag}@${digest}`,
      volume: volumeName,
      createdAt,
      digest,
      archive,
    };
  }

  /**
   * Only what says that it is a backup of this volume. Whose a tag is is asked once: a repository may have backups of many volumes, and
   * hours of them.
   */
  async #removeOldest(
    { repository, place }: { readonly repository: ArtifactRepository; readonly place: string },
    volume: string,
    keep: number,
    options: Abortable,
  ): Promise<void> {
    const tags = await timeTags(repository, options);
    this.#owners.keepOnly(place, tags);
    let kept = 0;
    for (const tag of tags.toReversed()) {
      const known = this.#owners.of(place, tag);
      if (known !== undefined && known !== volume) continue;
      const isOld = kept >= keep;
      if (known === volume && !isOld) {
        kept += 1;
        continue;
      }
      // What is going to be deleted is looked at again: a tag can have been given to something else.
      const { descriptor, bytes } = await repository.manifest(tag, options);
      const owner = volumeOf(bytes, descriptor.mediaType, tag);
      this.#owners.note(place, tag, owner ?? '');
      if (owner !== volume) continue;
      kept += 1;
      if (isOld) await remove(repository, descriptor.digest, options);
    }
  }

  /** Ends with what it reads from when nobody wants the rest. */
  async *#archive(volumeName: string, options: Abortable): AsyncGenerator<Buffer> {
    const packed = await this.#contents.pack(volumeName, options);
    // What goes wrong comes out of the iteration.
    const compressed = pipeline(packed, createZstdCompress(), () => undefined);
    for await (const chunk of compressed) yield chunk as Buffer; // no encoding is set
  }

  /**
   * Gives a volume the content of a backup; makes it if it does not exist. Nothing is changed by one that is not whole.
   *
   * @param name of the backup; without a tag the newest that has the time as its tag
   */
  async restore(
    volumeName: string,
    name: string,
    { login, signal }: Omit<ArtifactBackupOptions, 'keep'> = {},
  ): Promise<Volume> {
    const abortable = signal ? { signal } : {};
    const reference = parseName(name);
    const repository = this.#registries.repository(reference, login);
    const which = reference.digest ?? reference.tag ?? (await newest(repository, name, abortable));
    const { descriptor, bytes } = await repository.manifest(which, abortable);
    const { archive } = parseArtifact(bytes, descriptor.mediaType, name);
    // It is kept on disk until its end, where it is proved, and unpacked only then.
    const stream = Readable.from(repository.read(archive, abortable), { objectMode: false });
    return await this.#contents.unpack(volumeName, stream, abortable);
  }
}

/** @throws {EngineError} `invalid` when no backup can be made under that name. */
export function checkBackupName(name: string, keep: number | undefined): Reference {
  const reference = parseName(name);
  if (reference.digest !== undefined) {
    throw new EngineError('invalid', `"${name}" has a digest: a backup is given one when it is made`);
  }
  if (keep !== undefined && reference.tag !== undefined) {
    throw new EngineError(
      'invalid',
      `"${name}" has a tag, which stands for one backup: leave it out, so that each gets the time as its tag, to keep ${keep} of them`,
    );
  }
  return reference;
}

function timeTag(createdAt: string): string {
  return createdAt.replace(/[-:]/g, '');
}

/** Tags that are times, oldest first. */
async function timeTags(repository: ArtifactRepository, options: Abortable): Promise<string[]> {
  const found: string[] = [];
  let seen = 0;
  for await (const tag of repository.tags(options)) {
    if (TIME_TAG.test(tag)) found.push(tag);
    seen += 1;
    if (seen >= MOST_TAGS) break;
  }
  return found.toSorted();
}

async function newest(repository: ArtifactRepository, name: string, options: Abortable): Promise<string> {
  const tag = (await timeTags(repository, options)).at(-1);
  if (tag === undefined) {
    throw new EngineError(
      'notFound',
      `${name} has no backup with the time as its tag: say which tag, ${name}:TAG`,
    );
  }
  return tag;
}

function volumeOf(bytes: Buffer, mediaType: string, tag: string): string | undefined {
  try {
    return parseArtifact(bytes, mediaType, tag).volume;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return undefined; // somebody else's
  }
}

async function remove(repository: ArtifactRepository, digest: Digest, options: Abortable): Promise<void> {
  try {
    await repository.deleteManifest(digest, options);
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind === 'cancelled') throw error;
    throw new EngineError(
      error.kind,
      `the backup is made, but older ones could not be removed: ${error.message}; does the registry allow it?`,
      { cause: error },
    );
  }
}
