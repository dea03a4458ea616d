import type { Readable } from 'node:stream';
import { type Abortable, abortError } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import type { Logger } from '#base/logger';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import type { Snapshotter } from '#snapshot/snapshotter';
import { hostPlatform, type Platform } from '#spec/oci/platform';
import {
  canonicalReference,
  familiarName,
  familiarReference,
  parseReference,
  type Reference,
} from '#spec/reference';
import type { ContentStore } from '#store/content-store';
import type { Database } from '#store/database';
import type { JailPool } from '#store/jail-pool';
import { Leases } from '#store/leases';
import type { ArchiveImage } from './archive-image.ts';
import { ArchiveSpool } from './archive-spool.ts';
import { imageNotFound } from './errors.ts';
import type { Image } from './image.ts';
import { ImageAdder, leaseNames } from './image-adder.ts';
import { ImageCatalog } from './image-catalog.ts';
import { emitImageEvent } from './image-events.ts';
import { ImageGarbage } from './image-garbage.ts';
import { importedImage } from './image-import.ts';
import { ImageRemover } from './image-remover.ts';
import { ImageTable } from './image-table.ts';
import { readArchive } from './read-archive.ts';

export interface ImageServiceDeps {
  readonly db: Database;
  readonly content: ContentStore;
  /** where blobs are read from: not every one of them is in `content` */
  readonly blobs: LayerBlobs;
  readonly snapshots: Snapshotter;
  readonly jail: Pick<JailPool, 'measure'>;
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
}

export interface ImportOptions extends Abortable {
  /** `name[:tag]`; absent: an image without a name */
  readonly reference?: string;
  readonly message?: string;
  /** Dockerfile instructions, as `docker import --change` gives them */
  readonly changes?: readonly string[];
  readonly platform?: string;
}

/** Tags and manifests, layers into snapshots. */
export class ImageService {
  readonly #deps: ImageServiceDeps;
  readonly #platform: Platform;
  readonly #table: ImageTable;
  readonly #catalog: ImageCatalog;
  readonly #leases = new Leases();
  readonly #adder: ImageAdder;
  readonly #remover: ImageRemover;
  readonly #garbage: ImageGarbage;

  constructor(deps: ImageServiceDeps) {
    this.#deps = deps;
    this.#platform = deps.platform ?? hostPlatform(process.arch);
    const table = new ImageTable(deps.db);
    const catalog = new ImageCatalog(table, deps.logger);
    this.#table = table;
    this.#catalog = catalog;
    this.#adder = new ImageAdder({ ...deps, table });
    this.#remover = new ImageRemover({ ...deps, table, catalog, isRunning: deps.isRunning ?? (() => false) });
    this.#garbage = new ImageGarbage({ ...deps, table, leases: this.#leases });
  }

  /**
   * Loads every image of a Docker or OCI archive (plain or gzip/zstd compressed tar).
   * `progress` gets one line per loaded reference (`Loaded image: busybox:latest`, as Docker words it).
   *
   * @throws {EngineError} `invalid` for a bad archive: then images before the bad one are there, and nothing else.
   */
  async load(archive: Readable, progress: (line: string) => void, { signal }: Abortable = {}): Promise<void> {
    await using spool = new ArchiveSpool(this.#deps.content);
    await spool.fill(archive, signal ?? NEVER);
    const diffIdOf = async (path: string): Promise<Digest> =>
      (await this.#deps.jail.measure(path, { signal: signal ?? NEVER })).diffId;
    for (const found of await readArchive(spool, this.#platform, diffIdOf)) {
      const image = await this.#add(found, signal ?? NEVER);
      for (const tag of found.tags) this.#setTag(tag, image, progress);
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
  async import(tar: Readable, { signal, reference, ...options }: ImportOptions = {}): Promise<Digest> {
    const tag = reference === undefined ? undefined : taggable(reference);
    await using imported = await importedImage(
      tar,
      options,
      { ...this.#deps, platform: this.#platform },
      signal ?? NEVER,
    );
    const image = await this.#add({ image: imported.image, tags: [] }, signal ?? NEVER, {
      refusesSaved: true,
    });
    if (tag) this.#setTag(tag, image);
    emitImageEvent(this.#deps.events, image, 'import');
    await this.#deps.db.synced();
    return image.id;
  }

  list(): Image[] {
    return this.#catalog.list();
  }

  /** By name, name:tag, name@digest, ID or unique ID prefix. */
  find(reference: string): Image | undefined {
    return this.#catalog.find(reference);
  }

  /** @throws {EngineError} `notFound` with Docker's wording `No such image: x:latest`. */
  get(reference: string): Image {
    const image = this.#catalog.find(reference);
    if (!image) throw imageNotFound(reference);
    return image;
  }

  /** Points `name:tag` at an image; the tag moves when it exists. */
  async tag(reference: string, target: string): Promise<void> {
    const image = this.get(reference);
    const tag = taggable(target);
    this.#setTag(tag, image);
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
    { force }: Abortable & { readonly force: boolean; readonly noPrune: boolean },
  ): Promise<ImageDeletion> {
    const { untagged, deleted } = this.#remover.remove(reference, { force });
    await this.#deps.db.synced(); // a power cut must not bring rows back whose files are gone
    const gone: string[] = [];
    for (const { image, blobs, chains } of deleted) {
      const layers = new Set(await this.#garbage.collect(blobs));
      gone.push(image.id, ...chains.filter(chain => layers.has(chain)));
    }
    return { untagged, deleted: gone };
  }

  /** At start: removes what a crash left half-made, and layers and blobs that no image refers to. */
  sweep(): void {
    this.#garbage.sweep();
  }

  /** Adds an image, keeping others' removals off its parts; on failure nothing of it is left. */
  async #add(
    { image }: ArchiveImage,
    signal: AbortSignal,
    { refusesSaved = false }: { readonly refusesSaved?: boolean } = {},
  ): Promise<Image> {
    using lease = this.#leases.hold(leaseNames(image));
    try {
      const { id, topLevelNames } = await this.#adder.add(image, signal);
      if (refusesSaved && isSavedImage(topLevelNames)) {
        this.#table.delete(id);
        throw savedImage();
      }
      this.#catalog.refresh(id);
      return this.get(id);
    } catch (error) {
      lease[Symbol.dispose]();
      await this.#garbage.collect([
        image.config.blob.digest,
        ...image.layers.map(({ blob }) => blob.digest),
        ...(image.manifest ? [image.manifest.digest] : []),
      ]);
      throw signal.aborted ? abortError(signal) : error;
    }
  }

  #setTag(tag: Reference, image: Image, progress: (line: string) => void = () => undefined): void {
    const name = canonicalReference(tag);
    const previous = this.#table.idOfName(name);
    if (previous !== undefined && previous !== image.id) {
      // Docker's wording
      progress(
        `The image ${familiarReference(tag)} already exists, renaming the old one with ID ${previous} to empty string`,
      );
    }
    this.#table.setName(name, image.id);
    if (previous !== undefined) this.#catalog.refresh(previous);
    this.#catalog.refresh(image.id);
  }
}

const NEVER = new AbortController().signal;

/** @throws {EngineError} `invalid` with Docker's wording. */
function taggable(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest !== undefined) {
    throw new EngineError('invalid', 'refusing to create a tag with a digest reference');
  }
  if (familiarName(reference) === 'sha256') {
    throw new EngineError('invalid', 'refusing to create an ambiguous tag using digest algorithm as name');
  }
  return reference;
}

/** What `docker save` writes, before and since it is an OCI layout too, and what it wrote long ago. */
function isSavedImage(names: readonly string[]): boolean {
  const has = (name: string): boolean => names.includes(name);
  return has('manifest.json') || (has('oci-layout') && has('index.json')) || has('repositories');
}

function savedImage(): EngineError {
  return new EngineError(
    'invalid',
    'this archive holds a saved image (from "docker save"), not a root file system: use "docker load" for it',
  );
}
