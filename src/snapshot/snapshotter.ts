import type { Abortable } from '#base/abortable';

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

/**
 * Mountable file-system states. A snapshot is *active* (writable, known by a `key`) or *committed*
 * (read-only, known by a `name`, for a layer its chainID), each with at most one committed `parent`.
 *
 *   prepareLayer → unpack into it → commitLayer      a layer, once per chainID
 *   prepare(key, parent) → mount … → remove(key)     a container's writable layer
 *
 * Every method is idempotent where it says `ensure` or `remove`; `sweep` removes what no row owns.
 */
export interface Snapshotter {
  readonly driver: string;

  hasCommitted(name: string): boolean;

  /** Names of all committed snapshots: whoever owns them removes, at start, those that nothing refers to. */
  committedNames(): string[];

  /** Makes a committed snapshot of a layer: `unpack` fills the directory it is given. Equal names in flight share the work. */
  ensureLayer(
    name: string,
    parent: string | undefined,
    unpack: (directory: string, signal: AbortSignal) => Promise<void>,
    options?: Abortable,
  ): Promise<void>;

  /** Makes an active snapshot over `parent`. @throws {EngineError} `conflict` when the key is taken, `notFound` for the parent. */
  prepare(key: string, parent: string | undefined): void;

  /** How to mount the active snapshot `key` read-write. @throws {EngineError} `notFound`. */
  mounts(key: string): MountSpec;

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
