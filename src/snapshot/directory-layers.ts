import { throwIfAborted } from '#base/abortable';
import type { JailPool } from '#store/jail-pool';
import type { FormattedLayer, LayerFormat } from './layer-format.ts';
import { archiveInput, verifyDiffId } from './layer-intake.ts';
import type { SnapshotDirectories } from './snapshot-directories.ts';
import type { LayerSource } from './snapshotter.ts';

export interface DirectoryLayersDeps {
  readonly directories: SnapshotDirectories;
  readonly jail: Pick<JailPool, 'extract' | 'adopt'>;
}

/** Layers unpacked into directories. */
export class DirectoryLayers implements LayerFormat {
  readonly #deps: DirectoryLayersDeps;

  constructor(deps: DirectoryLayersDeps) {
    this.#deps = deps;
  }

  /** Directories that the archive went through without describing them look as they do below: that has to be there first. */
  async take(
    id: number,
    source: LayerSource,
    parents: () => Promise<readonly string[]>,
    signal: AbortSignal,
  ): Promise<FormattedLayer> {
    const { jail, directories } = this.#deps;
    const directory = directories.createNew(id);
    const input = { archive: archiveInput(source), directory, whiteouts: 'overlay' } as const;
    const taken = await jail.extract(input, { signal });
    verifyDiffId(source, taken);
    const below = await parents();
    if (below.length > 0 && taken.implicitDirectories.length > 0) {
      await jail.adopt(directory, below, taken.implicitDirectories, { signal });
    }
    throwIfAborted(signal);
    return { taken };
  }

  directory(id: number): string {
    return this.#deps.directories.fs(id);
  }

  release(): void {
    // nothing is held
  }
}
