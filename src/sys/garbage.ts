import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type CollectGarbage = (options: { readonly type: 'minor' }) => void;

setFlagsFromString('--expose-gc');
// Only seen by contexts that are made after the flag was set.
const collect = runInNewContext('gc') as CollectGarbage;

/**
 * Counts bytes that pass through buffers, and has the dead ones freed every so often. V8 sees only the small objects that
 * stand for buffers: by itself it lets a hundred megabytes per thread lie before it looks.
 */
export class BufferTurnover {
  readonly #everyBytes: number;
  #bytes = 0;

  constructor({ everyBytes = 16 * 1024 * 1024 }: { readonly everyBytes?: number } = {}) {
    this.#everyBytes = everyBytes;
  }

  passed(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#everyBytes) return;
    this.#bytes = 0;
    collect({ type: 'minor' }); // well under a millisecond where the young generation is small
  }
}
