import type { LayerSource, SnapshotUsage, TakenLayer } from './snapshotter.ts';

/** How the files of a layer are kept; each layer's row says in which way. */
export type LayerFormatName = 'directory' | 'erofs';

export interface FormattedLayer {
  readonly taken: TakenLayer;
  /** where it is known without adding up */
  readonly usage?: SnapshotUsage;
}

/**
 * Takes layers in and shows them as directories.
 *
 *   take → (published, row) → directory … → release → (removed)
 */
export interface LayerFormat {
  /**
   * Takes a layer in at `new/<id>`. `parents` waits for the layers below and gives their directories, uppermost first.
   *
   * @throws {EngineError} as `Snapshotter.ensureLayer`.
   */
  take(
    id: number,
    source: LayerSource,
    parents: () => Promise<readonly string[]>,
    signal: AbortSignal,
  ): Promise<FormattedLayer>;

  /** The directory that shows a layer, there when this returns. @throws {EngineError} */
  directory(id: number): string;

  /** Before its files go, and at shutdown. Whoever uses the directory keeps what it has. Happy when there is nothing to do. */
  release(id: number): void;
}
