import type { LayerDraft, Snapshotter } from '#snapshot/snapshotter';
import { GrowingFile } from '#store/growing-file';

/** One may still be read while the next comes. More would hold threads that only wait for clients. */
const PLACES = 2;
/** To read a smaller one later takes less than to wake a thread for it now. */
const MIN_BYTES = 1024 * 1024;

/** A file of an archive that comes, and is read as a layer meanwhile. */
export interface ReadingAhead {
  readonly growth: GrowingFile;
  readonly draft: LayerDraft;
}

/** Leave to read one. Disposed before {@link begin}, somebody else has it. */
export interface ReadingPlace extends Disposable {
  /** At once, from a file that is there. The place is free again when all was read, or no more will be. */
  begin(path: string): ReadingAhead;
}

/** Has files of archives read as layers while they come, though what they are is said last: most of them are. */
export class ReadAhead {
  readonly #snapshots: Pick<Snapshotter, 'readAhead'>;
  #free = PLACES;

  constructor(snapshots: Pick<Snapshotter, 'readAhead'>) {
    this.#snapshots = snapshots;
  }

  /** @returns `undefined` for what is not worth it, and where others have all places: nobody waits for an archive that may never end. */
  take(sizeBytes: number): ReadingPlace | undefined {
    if (sizeBytes < MIN_BYTES || this.#free === 0) return undefined;
    this.#free -= 1;
    const giveBack = (): void => void (this.#free += 1);
    let hasBegun = false;
    return {
      begin: path => {
        const growth = new GrowingFile(path);
        const draft = this.#snapshots.readAhead(growth);
        hasBegun = true;
        draft.facts().then(giveBack, giveBack);
        return { growth, draft };
      },
      [Symbol.dispose]: () => {
        if (!hasBegun) giveBack();
      },
    };
  }
}
