import type { Abortable } from '#base/abortable';
import type { Digest } from '#base/ids';
import type { ArchiveFacts } from '#store/archive-source';
import type { GrowingFile } from '#store/growing-file';
import type { TarPlace } from '#store/tar-place';

/** What clients are told. */
export type StorageDriver = 'overlay2' | 'erofs';

/** What to give mount(2) to see a snapshot. `options` may exceed a page: see `sys/mount`. */
export interface MountSpec {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface SnapshotUsage {
  readonly sizeBytes: number;
  readonly inodes: number;
}

/** Where the content of a layer comes from, and what it must turn out to be. */
export interface LayerSource {
  /**
   * A tar, plain or compressed with gzip or zstd: a file, or one that is still being written (a download). Where it is plain
   * a driver may keep the file itself by another name: its bytes must not change afterwards, its names may go.
   */
  readonly archive: string | GrowingFile;
  /** digest of the tar itself */
  readonly diffId: Digest;
  /** Digest and size of the archive as it is: it is read no further, and refused when it is anything else. */
  readonly blob: { readonly digest: Digest; readonly sizeBytes: number };
  /** The bytes were checked against the digest of the blob already: they are not hashed again. */
  readonly isVerified?: boolean;
  /** what errors call it; default `layer` */
  readonly label?: string;
  /** What it is a layer of: those that say the same may be taken in by one thread. */
  readonly group?: string;
  /** the same archive, read before: it is not read again, unless another layer has taken the draft */
  readonly draft?: LayerDraft;
}

/** An archive that is read as a layer before anybody knows what it is a layer of. What no layer has taken goes with its disposal. */
export interface LayerDraft extends AsyncDisposable {
  /**
   * What it is, once all of it was read.
   *
   * @throws {EngineError} `invalid` when it is no layer; `unavailable` when the disk is full or the rest does not come
   */
  facts(): Promise<ArchiveFacts>;
}

/** Layers that are kept as their tar. */
export interface LayerTars {
  /** Where the tar of this digest can be read, if a layer has it. */
  tarOf(diffId: Digest): TarPlace | undefined;

  /** Packs what is kept as a tar, as long as nobody minds: see LayerPacking. */
  pack(signal?: AbortSignal): Promise<void>;

  /** Whether every layer of this content is kept so. */
  isKeptAsTar(diffId: Digest): boolean;
}

/** What was found while a layer was taken in. */
export interface TakenLayer {
  readonly blobDigest: Digest;
  readonly blobBytes: number;
  readonly tarBytes: number;
  /** content of all files */
  readonly sizeBytes: number;
  /** first components of the names, at most 64: enough to tell what kind of archive it was */
  readonly topLevelNames: readonly string[];
}

/**
 * Mountable file-system states. A snapshot is *active* (writable, known by a `key`) or *committed*
 * (read-only, known by a `name`, for a layer its chainID), each with at most one committed `parent`.
 *
 *   ensureLayer(name, parent, source) → viewMounts   a layer, once per chainID; how it is kept is the driver's business
 *   prepare(key, parent) → mount … → remove(key)     a container's writable layer
 *
 * Every method is idempotent where it says `ensure` or `remove`; `sweep` removes what no row owns.
 */
export interface Snapshotter {
  readonly driver: StorageDriver;

  hasCommitted(name: string): boolean;

  /** Names of all committed snapshots: whoever owns them removes, at start, those that nothing refers to. */
  committedNames(): string[];

  /**
   * Makes a committed snapshot of a layer, unless it is there. Equal names in flight share the work. Layers are taken in
   * independently of each other, only the commits wait for each other: the parent must be there, or on its way by a
   * call made before this one.
   *
   * @returns what was found in the source (of whoever's call did the work: look at its `blobDigest`), or `undefined` when the layer was
   * there, which says nothing about the source given.
   * @throws {EngineError} `invalid` for a bad archive or another `diffId`, `dataLoss` for another blob, `unavailable` when the
   * disk is full or the rest of the source does not come, `notFound` for the parent, `cancelled`.
   */
  ensureLayer(
    name: string,
    parent: string | undefined,
    source: LayerSource,
    options?: Abortable,
  ): Promise<TakenLayer | undefined>;

  /** Begins to read what may be a layer, and still comes. */
  readAhead(archive: GrowingFile): LayerDraft;

  /** Makes an active snapshot over `parent`. @throws {EngineError} `conflict` when the key is taken, `notFound` for the parent. */
  prepare(key: string, parent: string | undefined): void;

  /** How to mount the active snapshot `key` read-write. @throws {EngineError} `notFound`. */
  mounts(key: string): MountSpec;

  /** How to mount the active snapshot `key` only to be read, also while it is mounted to be written to. @throws {EngineError} `notFound`. */
  readOnlyMounts(key: string): MountSpec;

  /** How to mount the committed snapshot `name` read-only (for copy-up, inspection). */
  viewMounts(name: string): MountSpec;

  /** Directories of a committed snapshot and of its parents, uppermost first. @throws {EngineError} `notFound`. */
  layerDirectories(name: string): readonly string[];

  /** Directories of the writable layer and of its parents, uppermost first. */
  directories(key: string): { readonly upper: string; readonly lowers: readonly string[] };

  /** Space of the writable layer of an active snapshot, or of one committed layer. */
  usage(keyOrName: string, options?: Abortable): Promise<SnapshotUsage>;

  /** Removes an active or committed snapshot: row first, then disk in the background. @throws `conflict` while it has children. */
  remove(keyOrName: string): void;

  /** Removes directories that no row owns, and active snapshots whose key `isOwned` denies. */
  sweep(isOwned: (key: string) => boolean): Promise<void>;
}
