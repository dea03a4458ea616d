import type { ArchiveFacts, ArchiveInput } from '#store/archive-source';
import type { GroupOptions } from '#store/jail-pool';
import type { SnapshotUsage, TakenLayer } from './snapshotter.ts';

/** How the files of a layer are kept; each layer's row says in which way. */
export type LayerFormatName = 'directory' | 'erofs';

export interface FormattedLayer {
  readonly taken: TakenLayer;
  /** where it is known without adding up */
  readonly usage?: SnapshotUsage;
}

/** A layer as far as it goes without those below it. */
export interface ReadLayer {
  readonly taken: ArchiveFacts & TakenLayer;

  /** Does the rest. `parents` waits for the layers below and gives their directories, uppermost first. */
  seal(parents: () => Promise<readonly string[]>, options: GroupOptions): Promise<FormattedLayer>;
}

/**
 * Takes layers in and shows them as directories.
 *
 *   read → seal → (published, row) → directory … → release → (removed)
 */
export interface LayerFormat {
  /** Takes a layer in at `new/<id>`. @throws {EngineError} as `Snapshotter.ensureLayer`. */
  read(id: number, archive: ArchiveInput, options: GroupOptions): Promise<ReadLayer>;

  /** The directory that shows a layer, there when this returns. @throws {EngineError} */
  directory(id: number): string;

  /** Before its files go, and at shutdown. Whoever uses the directory keeps what it has. Happy when there is nothing to do. */
  release(id: number): void;
}
