import { Semaphore } from '#base/semaphore';
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

/** Has files of archives read as layers while they come, though what they are is said last: most of them are. */
export class ReadAhead {
  readonly #snapshots: Pick<Snapshotter, 'readAhead'>;
  readonly #places = new Semaphore(PLACES);

  constructor(snapshots: Pick<Snapshotter, 'readAhead'>) {
    this.#snapshots = snapshots;
  }

  /** `false` for what is not worth it, and where others have all places: nobody waits for an archive that may never end. */
  hasRoomFor(sizeBytes: number): boolean {
    return sizeBytes >= MIN_BYTES && this.#places.hasRoom;
  }

  begin(path: string): ReadingAhead {
    const growth = new GrowingFile(path);
    const draft = this.#snapshots.readAhead(growth);
    void this.#places.run(async () => void (await Promise.allSettled([draft.facts()])));
    return { growth, draft };
  }
}
