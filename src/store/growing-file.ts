import { EngineError } from '#base/errors';
import { newId } from '#base/ids';

/** Places in the shared memory: a counter that moves with every change, what became of the file, bytes (64 bits). */
const SEQUENCE = 0;
const STATE = 1;
const BYTES_OFFSET = 8;
const SHARED_BYTES = 16;

const GROWING = 0;
const COMPLETE = 1;
const FAILED = 2;

/**
 * A file that is still being written, a download most of all, and that threads read already: they see how many bytes
 * are there in order from the start, and wait for more without asking again and again.
 *
 *   growing → complete   everything is there
 *   growing → failed     no more will come; whoever reads gets an error
 */
export class GrowingFile {
  readonly path: string;
  /** The same for all that show the bytes of one writer; never that of another, though the path may be. */
  readonly writer: string;
  /** what a thread needs for a {@link GrowthReader} */
  readonly shared = new SharedArrayBuffer(SHARED_BYTES);
  readonly #cells = new Int32Array(this.shared, 0, 2);
  readonly #bytes = new BigInt64Array(this.shared, BYTES_OFFSET, 1);

  constructor(path: string, { writer = newId<string>() }: { readonly writer?: string } = {}) {
    this.path = path;
    this.writer = writer;
  }

  /** Bytes from the start that can be read. */
  get availableBytes(): number {
    return Number(Atomics.load(this.#bytes, 0));
  }

  get state(): 'growing' | 'complete' | 'failed' {
    return STATES[Atomics.load(this.#cells, STATE)] ?? 'failed';
  }

  /** Says that the first `toBytes` bytes have been written. Less than before changes nothing. */
  advance(toBytes: number): void {
    if (toBytes <= this.availableBytes) return;
    Atomics.store(this.#bytes, 0, BigInt(toBytes));
    this.#wake();
  }

  /** Says that nothing will follow. */
  complete(): void {
    this.#end(COMPLETE);
  }

  /** Says that the rest will not come. Without effect once the file is complete. */
  fail(): void {
    this.#end(FAILED);
  }

  #end(state: number): void {
    if (Atomics.compareExchange(this.#cells, STATE, GROWING, state) === GROWING) this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#cells, SEQUENCE, 1);
    Atomics.notify(this.#cells, SEQUENCE);
  }
}

const STATES = ['growing', 'complete', 'failed'] as const;

/** How long a reader sleeps at most before it looks whether it is to stop. */
const STOP_CHECK_MS = 200;

/** What a thread sees of a {@link GrowingFile}. */
export class GrowthReader {
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #bytes: BigInt64Array<SharedArrayBuffer>;

  constructor(shared: SharedArrayBuffer) {
    this.#cells = new Int32Array(shared, 0, 2);
    this.#bytes = new BigInt64Array(shared, BYTES_OFFSET, 1);
  }

  /** Waits until everything is there. @throws {EngineError} as {@link more}. */
  async whole(shouldStop: () => boolean): Promise<void> {
    await this.more(Number.POSITIVE_INFINITY, shouldStop);
  }

  /**
   * Waits until more than `knownBytes` are there, or the file is complete.
   *
   * @returns bytes from the start that can be read: not more than `knownBytes` means that this is all.
   * @throws {EngineError} `cancelled` when `shouldStop` says so, `unavailable` when the rest will not come.
   */
  async more(knownBytes: number, shouldStop: () => boolean): Promise<number> {
    for (;;) {
      const sequence = Atomics.load(this.#cells, SEQUENCE);
      const state = Atomics.load(this.#cells, STATE);
      const available = Number(Atomics.load(this.#bytes, 0));
      if (shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
      if (available > knownBytes || state === COMPLETE) return available;
      if (state === FAILED) throw new EngineError('unavailable', 'the rest of the file did not come');
      const { async: isPending, value } = Atomics.waitAsync(this.#cells, SEQUENCE, sequence, STOP_CHECK_MS);
      if (isPending) await value;
    }
  }
}
