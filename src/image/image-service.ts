import type { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import type { Logger } from '#base/logger';
import type { RegistryClient } from '#distribution/registry-client';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import type { Snapshotter, StorageDriver } from '#snapshot/snapshotter';
import { hostPlatform, type Platform } from '#spec/oci/platform';
import { familiarReference, type Reference, tryParseReference } from '#spec/reference';
import type { ContentStore } from '#store/content-store';
import type { Database } from '#store/database';
import type { JailPool } from '#store/jail-pool';
import type { Leases } from '#store/leases';
import { adoptManifests } from './adopt-manifests.ts';
import { ArchiveSpool } from './archive-spool.ts';
import type { Attestation } from './attestation/attestation-reader.ts';
import { type AttestationOptions, ImageAttestations } from './attestation/image-attestations.ts';
import { BlobTable } from './blob-table.ts';
import { type CleanupPolicy, DEFAULT_CLEANUP } from './cleanup/cleanup-plan.ts';
import { type CleanupOptions, type CleanupReport, ImageCleaner } from './cleanup/image-cleaner.ts';
import { imageNotFound, platformNotFound } from './errors.ts';
import type { Image } from './image.ts';
import { ImageAdder, type PreparedImage } from './image-adder.ts';
import { ImageCatalog, type PlatformChoice } from './image-catalog.ts';
import { ImageChecker, type ImageCheckOptions, type ImageCheckReport } from './image-check.ts';
import { type CommitRequest, ImageCommitter } from './image-committer.ts';
import { emitImageEvent } from './image-events.ts';
import { ImageGarbage } from './image-garbage.ts';
import { importedImage } from './image-import.ts';
import { ImageIntake } from './image-intake.ts';
import { ImagePuller, type PullOptions } from './image-puller.ts';
import { ImagePusher, type PushOptions } from './image-pusher.ts';
import { ImageRemover, type RemovalOptions } from './image-remover.ts';
import { ImageSaver, type SaveOptions } from './image-saver.ts';
import { ImageSquasher, type Squashed, type SquashProgress } from './image-squasher.ts';
import { ImageTable } from './image-table.ts';
import { LayerBuilder } from './layer-builder.ts';
import { ManifestTable } from './manifest-table.ts';
import { type ManifestView, ManifestViews, type TargetView } from './manifest-views.ts';
import type { EmitLine } from './pull-progress.ts';
import type { EmitPush } from './push-progress.ts';
import { ReadAhead } from './read-ahead.ts';
import { readArchive } from './read-archive.ts';
import { taggable } from './taggable.ts';
import { ImageTrust } from './trust/image-trust.ts';
import { SignatureTable } from './trust/signature-table.ts';
import { TrustPolicy } from './trust/trust-policy.ts';

export interface ImageServiceDeps {
  readonly db: Database;
  readonly content: ContentStore;
  /** where blobs are read from: not every one of them is in `content` */
  readonly blobs: LayerBlobs;
  /** the ones that {@link blobs} keep to */
  readonly leases: Leases;
  readonly registries: Pick<RegistryClient, 'repository' | 'keep' | 'sweep'>;
  readonly snapshots: Snapshotter;
  readonly jail: Pick<JailPool, 'measure' | 'packLayers'>;
  /** what is removed without being asked for; absent: what nobody misses */
  readonly cleanup?: CleanupPolicy;
  /** which images must be signed; absent: none */
  readonly trustPolicy?: TrustPolicy;
  readonly events: EventSink;
  readonly logger: Logger;
  /** containers (by ID) made of the image */
  readonly isUsed: (imageId: Digest) => readonly string[];
  /** Default: every container counts as stopped. */
  readonly isRunning?: (containerId: string) => boolean;
  /** what archives with several platforms are searched for; default: this host */
  readonly platform?: Platform;
}

export interface ImageDeletion {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
  /** of the layers and blobs that went with it: what others have or hold stays, and is not counted */
  readonly freedBytes: number;
}

export interface LoadOptions extends Abortable {
  /** only the images for these; empty: all that the archive has */
  readonly platforms?: readonly Platform[];
}

export interface ImportOptions extends Abortable {
  /** `name[:tag]`; absent: an image without a name */
  readonly reference?: string;
  readonly message?: string;
  /** Dockerfile instructions, as `docker import --change` gives them */
  readonly changes?: readonly string[];
  readonly platform?: string;
}

export interface SquashOptions extends Abortable {
  /** `name[:tag]` of the new image; absent: it has none */
  readonly tag?: string;
  readonly from?: string;
  readonly onProgress?: (progress: SquashProgress) => void;
}

export interface CommitOptions extends Abortable {
  /** `name[:tag]`; absent: an image without a name */
  readonly reference?: string;
}

/** Tags and manifests, layers into snapshots. */
export class ImageService {
  readonly #deps: ImageServiceDeps;
  readonly #platform: Platform;
  readonly #catalog: ImageCatalog;
  readonly #intake: ImageIntake;
  readonly #remover: ImageRemover;
  readonly #garbage: ImageGarbage;
  readonly #saver: ImageSaver;
  readonly #views: ManifestViews;
  readonly #squasher: ImageSquasher;
  readonly #committer: ImageCommitter;
  readonly #puller: ImagePuller;
  readonly #pusher: ImagePusher;
  readonly #checker: ImageChecker;
  readonly #trust: ImageTrust;
  readonly #table: ImageTable;
  readonly #cleaner: ImageCleaner;
  readonly #attestations: ImageAttestations;
  readonly #readAhead: ReadAhead;
  /** for whoever makes images layer by layer */
  readonly layers: LayerBuilder;

  constructor(deps: ImageServiceDeps) {
    this.#deps = deps;
    const platform = deps.platform ?? hostPlatform(process.arch);
    const table = new ImageTable(deps.db);
    const manifests = new ManifestTable(deps.db);
    adoptManifests(table, manifests, deps.content);
    const catalog = new ImageCatalog({ table, manifests, logger: deps.logger });
    const { leases } = deps;
    const garbage = new ImageGarbage({ ...deps, table, leases });
    const adder = new ImageAdder({ ...deps, table, manifests });
    const isRunning = deps.isRunning ?? (() => false);
    this.#platform = platform;
    this.#readAhead = new ReadAhead(deps.snapshots);
    this.#catalog = catalog;
    this.#garbage = garbage;
    this.#intake = new ImageIntake({ table, manifests, catalog, adder, garbage, leases, platform });
    this.#remover = new ImageRemover({ ...deps, table, manifests, catalog, isRunning });
    this.#saver = new ImageSaver({ ...deps, table, manifests, catalog, leases });
    this.#views = new ManifestViews({ table, manifests, catalog });
    const blobTable = new BlobTable(deps.db);
    const policy = deps.trustPolicy ?? new TrustPolicy();
    const trust = new ImageTrust({ policy, table: new SignatureTable(deps.db) });
    this.#trust = trust;
    this.#table = table;
    this.#cleaner = new ImageCleaner({
      ...deps,
      policy: deps.cleanup ?? DEFAULT_CLEANUP,
      list: () => catalog.list(),
      isUsed: ({ id }) => deps.isUsed(id).length > 0,
      remove: (reference, options) => this.remove(reference, { force: false, noPrune: false, ...options }),
      root: deps.content.root,
    });
    this.#attestations = new ImageAttestations({ ...deps, manifests, catalog, platform });
    this.#checker = new ImageChecker({ ...deps, table, catalog, leases });
    const intake = this.#intake;
    this.#pusher = new ImagePusher({ ...deps, table, manifests, blobTable, catalog, intake, leases });
    this.layers = new LayerBuilder({ ...deps, table, intake, garbage, leases });
    this.#squasher = new ImageSquasher({ ...deps, table, catalog, intake, leases });
    this.#committer = new ImageCommitter({ ...deps, table, intake, leases });
    this.#puller = new ImagePuller({
      ...deps,
      table,
      manifests,
      blobTable,
      trust,
      catalog,
      intake: this.#intake,
      platform,
    });
  }

  /**
   * Loads every image of a Docker or OCI archive (plain or gzip/zstd compressed tar).
   * `progress` gets one line per loaded reference (`Loaded image: busybox:latest`, as Docker words it).
   *
   * @throws {EngineError} `invalid` for a bad archive: then images before the bad one are there, and nothing else.
   */
  async load(
    archive: Readable,
    progress: (line: string) => void,
    { signal = NEVER, platforms = [] }: LoadOptions = {},
  ): Promise<void> {
    // Of an archive for several platforms most may not be wanted.
    const readAhead = platforms.length === 0 ? this.#readAhead : undefined;
    await using spool = new ArchiveSpool(this.#deps.content, readAhead);
    await spool.fill(archive, signal);
    const diffIdOf = async (path: string): Promise<Digest> =>
      (await this.#deps.jail.measure(path, { signal })).diffId;
    for (const found of await readArchive(spool, { host: this.#platform, wanted: platforms }, diffIdOf)) {
      const { image, previous } = await this.#intake.take(found, signal);
      for (const [tag, { imageId }] of previous) progress(renamed(tag, imageId));
      emitImageEvent(this.#deps.events, image, 'load');
      for (const tag of found.tags) progress(`Loaded image: ${familiarReference(tag)}`);
      if (found.tags.length === 0) progress(`Loaded image ID: ${image.id}`);
    }
    await this.#deps.db.synced();
  }

  /**
   * Makes an image of one layer from a tar of a root file system. @returns its ID.
   *
   * @throws {EngineError} `invalid` for a bad archive, one made by `docker save`, or a bad change.
   */
  async import(
    tar: Readable,
    { signal = NEVER, reference, ...options }: ImportOptions = {},
  ): Promise<Digest> {
    const tags = reference === undefined ? [] : [taggable(reference)];
    const deps = { ...this.#deps, platform: this.#platform };
    await using imported = await importedImage(tar, options, deps, signal);
    const { image } = await this.#intake.take({ images: [imported.image], tags }, signal, {
      inspect: refuseSaved,
    });
    emitImageEvent(this.#deps.events, image, 'import');
    await this.#deps.db.synced();
    return image.id;
  }

  /**
   * Makes one layer of those of an image above a base (`from`: how many of the lowest layers stay, or the image they are of), as
   * a new image with the same configuration.
   *
   * @throws {EngineError} `notFound`; `invalid` when there is nothing to squash, or the base is none of this image.
   */
  async squash(
    reference: string,
    { signal = NEVER, tag, from = '', onProgress = () => undefined }: SquashOptions = {},
  ): Promise<Squashed> {
    const name = tag === undefined ? {} : { tag: taggable(tag) };
    const squashed = await this.#squasher.squash(
      this.get(reference),
      { ...name, from },
      { signal, onProgress },
    );
    await this.#deps.db.synced();
    return squashed;
  }

  /**
   * Makes an image of another one and of what a container of it wrote.
   *
   * @throws {EngineError} `conflict` when the image is gone; `invalid` for a bad name.
   */
  async commit(
    request: Omit<CommitRequest, 'tag'>,
    { signal = NEVER, reference }: CommitOptions = {},
  ): Promise<Image> {
    const tag = reference === undefined ? {} : { tag: taggable(reference) };
    const image = await this.#committer.commit({ ...request, ...tag }, signal);
    await this.#deps.db.synced();
    return image;
  }

  /**
   * Brings an image from its registry, or (a name without tag and digest) all images of a repository. `emit` gets the lines
   * of progress that Docker's clients know.
   *
   * @throws {EngineError} `notFound`, `unauthorized`, `forbidden`, `unavailable`, `dataLoss`, `invalid`.
   */
  async pull(reference: Reference, emit: EmitLine, options: PullOptions = {}): Promise<void> {
    const isOne = reference.tag !== undefined || reference.digest !== undefined;
    await (isOne
      ? this.#puller.pull(reference, emit, options)
      : this.#puller.pullAll(reference, emit, options));
    await this.#deps.db.synced();
  }

  /**
   * Sends an image to the registry that its name says: one tag, or without a tag all that the name has.
   *
   * @throws {EngineError} `notFound`, `unauthorized`, `forbidden`, `unavailable`.
   */
  async push(name: Reference, emit: EmitPush, options: PushOptions = {}): Promise<void> {
    await this.#pusher.push(name, emit, options);
    await this.#deps.db.synced();
  }

  /**
   * Holds an image that shall run against the trust policy.
   *
   * @param reference how it was asked for: a name of its own is the one that counts
   * @throws {EngineError} `forbidden`.
   */
  requireTrust(image: Image, reference: string): void {
    const named = tryParseReference(reference);
    const own = [...image.repoTags, ...image.repoDigests];
    const name = named && familiarReference(named);
    const names = name !== undefined && own.includes(name) ? [name] : own;
    const targets = names.flatMap(name => this.#catalog.targetOf(name) ?? []);
    const manifest = image.manifestDigest ? [image.manifestDigest] : [];
    this.#trust.checkRun(image.id, names, [...targets, ...manifest]);
  }

  /** A container was made of it, or started: that counts for {@link cleanUp}. */
  noteUse(id: Digest): void {
    const known = this.#catalog.byId(id);
    const now = Date.now();
    if (!known || now - (known.lastUsedAt ?? 0) < USE_STEP_MS) return;
    this.#table.setUsed(id, now);
    this.#catalog.refresh(id);
  }

  /** Waits until the files of what was removed are gone. */
  settled(): Promise<void> {
    return this.#garbage.settled();
  }

  /** Keeps layers once and packed: what happens by itself when nothing was taken in for a while. @throws `cancelled`. */
  tidy(options?: Abortable): Promise<void> {
    return this.#deps.blobs.tidy(options);
  }

  /** Removes images by the engine's policy; dry: only says which. */
  cleanUp(options?: CleanupOptions): Promise<CleanupReport> {
    return this.#cleaner.run(options);
  }

  /** Cleans up once an hour from now on, until the result is disposed. */
  startCleaning(): Disposable {
    this.#cleaner.start();
    return this.#cleaner;
  }

  /** Looks whether images are whole, by digest; with `mends`, repairs what can be. */
  check(options?: ImageCheckOptions): Promise<ImageCheckReport> {
    return this.#checker.check(options);
  }

  list(): Image[] {
    return this.#catalog.list();
  }

  /** By name, name:tag, name@digest, ID or unique ID prefix; with a platform, the one for it of what the name means. */
  find(reference: string, choice?: PlatformChoice): Image | undefined {
    return this.#catalog.find(reference, choice);
  }

  /** @throws {EngineError} `notFound` with Docker's wording `No such image: x:latest`. */
  get(reference: string, choice: PlatformChoice = {}): Image {
    const image = this.#catalog.find(reference, choice);
    if (image) return image;
    if (choice.platform && this.#catalog.find(reference)) throw platformNotFound(reference, choice.platform);
    throw imageNotFound(reference);
  }

  /**
   * One archive of several images, as `docker load` and OCI tools read it. A name without a tag means all its tags.
   *
   * @throws {EngineError} `notFound`, `dataLoss`, before the first byte.
   */
  save(references: readonly string[], options?: SaveOptions): Promise<AsyncGenerator<Buffer>> {
    return this.#saver.save(references, options);
  }

  /** What a blob takes on the disk beside what it unpacks to: it is kept to be pushed and saved as it came. */
  keptBytes(blob: Digest): number {
    return this.#deps.content.ownBytes(blob);
  }

  /** How layers are kept, by the name of the driver. */
  get storageDriver(): StorageDriver {
    return this.#deps.snapshots.driver;
  }

  /** The manifest or index that a reference stands for, if it has one. */
  target(reference: string): TargetView | undefined {
    return this.#views.target(reference);
  }

  /** All manifests that a reference leads to, here or not. */
  manifests(reference: string): ManifestView[] {
    return this.#views.list(reference);
  }

  /** What is said about an image that is here; read at its registry where it is not here. @throws {EngineError} */
  async attestations(reference: string, options: AttestationOptions = {}): Promise<Attestation[]> {
    const { platform } = options;
    const image = this.get(reference, platform ? { platform } : {});
    return await this.#attestations.ofImage(image, reference, options);
  }

  /** What is said about an image at its registry, also by what refers to it there. @throws {EngineError} */
  attestationsAt(reference: Reference, options: AttestationOptions = {}): Promise<Attestation[]> {
    return this.#attestations.atRegistry(reference, options);
  }

  /** Points `name:tag` at an image; the tag moves when it exists. */
  async tag(reference: string, target: string): Promise<void> {
    const image = this.get(reference);
    const tag = taggable(target);
    const pointed = this.#catalog.targetOf(reference);
    this.#intake.name(tag, { imageId: image.id, ...(pointed === undefined ? {} : { target: pointed }) });
    emitImageEvent(this.#deps.events, image, 'tag', familiarReference(tag));
    await this.#deps.db.synced();
  }

  /**
   * Untags, and deletes when that was the last tag and no container uses it.
   *
   * @throws {EngineError} `notFound`, `conflict` with Docker's wording.
   */
  async remove(
    reference: string,
    { force, platforms = [] }: Abortable & RemovalOptions & { readonly noPrune: boolean },
  ): Promise<ImageDeletion> {
    const { untagged, deleted, blobs } = this.#remover.remove(reference, { force, platforms });
    await this.#deps.db.synced(); // a power cut must not bring rows back whose files are gone
    // Before layers go: a blob that is a layer's own tar as well takes nothing by itself.
    const kept = new Map(blobs.map(blob => [blob, this.keptBytes(blob)]));
    const collected = this.#garbage.collect(blobs);
    let freedBytes = 0;
    for (const blob of collected.blobs) freedBytes += kept.get(blob) ?? 0;
    const left = new Set(collected.layers);
    const gone: string[] = [];
    for (const { image, layers } of deleted) {
      gone.push(image.id);
      for (const { chainId, sizeBytes } of layers) {
        if (!left.delete(chainId)) continue; // somebody holds it, or it was named already
        gone.push(chainId);
        freedBytes += sizeBytes;
      }
    }
    return { untagged, deleted: gone, freedBytes };
  }

  /** At start: removes what a crash left half-made, and layers and blobs that no image refers to. */
  sweep(): void {
    this.#garbage.sweep(blob => this.#deps.registries.keep(blob)); // of a pull that was cut: it goes on
    this.#deps.registries.sweep();
  }
}

const NEVER = new AbortController().signal;
/** The time of use is written at most so often: containers start by the second. */
const USE_STEP_MS = 3600 * 1000;

/** What `docker save` writes, before and since it is an OCI layout too, and what it wrote long ago. */
function isSavedImage(names: readonly string[]): boolean {
  const has = (name: string): boolean => names.includes(name);
  return has('manifest.json') || (has('oci-layout') && has('index.json')) || has('repositories');
}

function refuseSaved(prepared: readonly PreparedImage[]): void {
  if (!prepared.some(({ topLevelNames }) => isSavedImage(topLevelNames))) return;
  throw new EngineError(
    'invalid',
    'this archive holds a saved image (from "docker save"), not a root file system: use "docker load" for it',
  );
}

/** Docker's wording. */
function renamed(tag: Reference, previous: Digest): string {
  return `The image ${familiarReference(tag)} already exists, renaming the old one with ID ${previous} to empty string`;
}
