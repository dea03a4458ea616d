import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type CollectGarbage = (options: { readonly type: 'minor' }) => void;

setFlagsFromString('--expose-gc');
// Else a thread of V8's frees what we have just had collected some time later, and until then it counts.
setFlagsFromString('--no-concurrent-array-buffer-sweeping');
// Only seen by contexts that are made after the flag was set.
const collect = runInNewContext('gc') as CollectGarbage;

/**
 * Counts bytes that pass through buffers, and has the dead ones freed every so often. V8 sees only the small objects that
 * stand for buffers: by itself it lets a hundred megabytes per thread lie before it looks.
 *
 * Some ten megabytes of buffers more than at its last look make V8 go through the whole heap, which costs as much processor
 * time as hashing a hundred; and a buffer that outlives two of our looks is not freed by them any more.
 */
export class BufferTurnover {
  readonly #everyBytes: number;
  #bytes = 0;

  constructor({ everyBytes = 4 * 1024 * 1024 }: { readonly everyBytes?: number } = {}) {
    this.#everyBytes = everyBytes;
  }

  passed(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#everyBytes) return;
    this.#bytes = 0;
    collect({ type: 'minor' }); // well under a millisecond where the young generation is small
  }
}
