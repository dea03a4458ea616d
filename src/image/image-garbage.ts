import { isKind, messageOf } from '#base/errors';
import { type Digest, isDigest } from '#base/ids';
import type { Logger } from '#base/logger';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import type { Snapshotter } from '#snapshot/snapshotter';
import type { Leases } from '#store/leases';
import type { ImageTable } from './image-table.ts';

export interface ImageGarbageDeps {
  readonly table: Pick<ImageTable, 'ownsBlob' | 'ownsChain'>;
  readonly blobs: Pick<LayerBlobs, 'remove' | 'sweep'>;
  readonly snapshots: Pick<Snapshotter, 'committedNames' | 'remove'>;
  readonly leases: Leases;
  readonly logger: Logger;
}

export interface Collected {
  /** uppermost first */
  readonly layers: readonly string[];
  readonly blobs: readonly Digest[];
}

/** Removes blobs and layers that no row refers to and no work under way needs; what such work holds, when it is done. */
export class ImageGarbage {
  readonly #deps: ImageGarbageDeps;
  readonly #removals = new Set<Promise<void>>();
  readonly #postponed: Digest[] = [];

  constructor(deps: ImageGarbageDeps) {
    this.#deps = deps;
  }

  /**
   * Looks at all layers (one may have been kept by a container that is gone) and at these blobs.
   *
   * @param rescue may take such a blob away before it is removed
   * @returns what went; the files of blobs do so in the background.
   */
  collect(blobs: readonly Digest[], rescue: (blob: Digest) => void = () => undefined): Collected {
    const { table, blobs: stored, leases } = this.#deps;
    const layers = this.#collectLayers();
    const gone: Digest[] = [];
    for (const blob of new Set(blobs)) {
      if (table.ownsBlob(blob)) continue;
      if (leases.isHeld(blob)) {
        this.#collectLater(blob);
        continue;
      }
      rescue(blob);
      gone.push(blob);
      this.#track(blob, stored.remove(blob));
    }
    return { layers, blobs: gone };
  }

  /** Waits until the files are gone. */
  async settled(): Promise<void> {
    await Promise.resolve(); // what has just been let go
    while (this.#removals.size > 0) await Promise.all(this.#removals);
  }

  /** What is held, when nobody holds it any more; it may be a layer and a blob: the lowest layer goes by the digest of its tar. */
  #collectLater(name: Digest): void {
    this.#deps.leases.whenReleased(name, () => {
      // Whoever lets go lets go of much, and may know more that is garbage.
      if (this.#postponed.push(name) === 1) queueMicrotask(() => this.#collectPostponed());
    });
  }

  #collectPostponed(): void {
    try {
      this.collect(this.#postponed.splice(0));
    } catch (error) {
      this.#deps.logger.warn('what nobody needs any more goes at the next start', {
        error: messageOf(error),
      });
    }
  }

  /** Nobody waits for the disk. What is left on it at the next start is swept. */
  #track(blob: Digest, removal: Promise<void>): void {
    const tracked = removal
      .catch((error: unknown) =>
        this.#deps.logger.warn('a blob stays on the disk until the next start', {
          blob,
          error: messageOf(error),
        }),
      )
      .finally(() => this.#removals.delete(tracked));
    this.#removals.add(tracked);
  }

  /** At start, when nothing is under way: half-made things too. `rescue` may take a blob away before it is removed. */
  sweep(rescue: (blob: Digest) => void): void {
    this.#collectLayers();
    const { blobs, table, leases } = this.#deps;
    blobs.sweep(blob => table.ownsBlob(blob) || leases.isHeld(blob), rescue);
  }

  #collectLayers(): string[] {
    const { snapshots, table, leases, logger } = this.#deps;
    const removed: string[] = [];
    // Newest first: a layer is younger than those below it.
    for (const name of snapshots.committedNames().toReversed()) {
      if (!isDigest(name) || table.ownsChain(name)) continue;
      if (leases.isHeld(name)) {
        this.#collectLater(name);
        continue;
      }
      try {
        snapshots.remove(name);
        removed.push(name);
      } catch (error) {
        // A container stands on it: it goes with the next collection after that.
        if (!isKind(error, 'conflict'))
          logger.warn('cannot remove a layer', { layer: name, error: messageOf(error) });
      }
    }
    return removed;
  }
}
