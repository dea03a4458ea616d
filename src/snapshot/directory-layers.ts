import type { ArchiveInput } from '#store/archive-source';
import type { GroupOptions, JailPool } from '#store/jail-pool';
import type { LayerFormat, ReadLayer } from './layer-format.ts';
import type { SnapshotDirectories } from './snapshot-directories.ts';

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
  async read(id: number, archive: ArchiveInput, { signal }: GroupOptions): Promise<ReadLayer> {
    const { jail, directories } = this.#deps;
    const directory = directories.createNew(id);
    const taken = await jail.extract({ archive, directory, whiteouts: 'overlay' }, signal ? { signal } : {});
    return {
      taken,
      seal: async (parents, sealing) => {
        const below = await parents();
        if (below.length > 0 && taken.implicitDirectories.length > 0) {
          const options = sealing.signal ? { signal: sealing.signal } : {};
          await jail.adopt(directory, below, taken.implicitDirectories, options);
        }
        return { taken };
      },
    };
  }

  directory(id: number): string {
    return this.#deps.directories.fs(id);
  }

  release(): void {
    // nothing is held
  }
}
