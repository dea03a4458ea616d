import { EngineError } from '#base/errors';

/** How long a thread sleeps at most before it looks whether it is to stop. */
const STOP_CHECK_MS = 200;
const FREE = 0;

/**
 * The one place for decompressing what wants much memory, shared by threads: zstd takes up to 128 MiB for one archive. Whoever
 * has it must not wait for anybody else, a download least of all.
 */
export class LargeWindow {
  /** what another thread needs for the same place */
  readonly shared: SharedArrayBuffer;
  readonly #cell: Int32Array<SharedArrayBuffer>;

  constructor(shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#cell = new Int32Array(shared);
  }

  /** Waits for the place. `holder`: a number of the thread, not 0. @throws {EngineError} `cancelled` when `shouldStop` says so. */
  async take(holder: number, shouldStop: () => boolean): Promise<Disposable> {
    for (;;) {
      if (shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
      const other = Atomics.compareExchange(this.#cell, 0, FREE, holder);
      if (other === FREE) break;
      const { async: isPending, value } = Atomics.waitAsync(this.#cell, 0, other, STOP_CHECK_MS);
      if (isPending) await value;
    }
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.release(holder);
        isHeld = false;
      },
    };
  }

  /** Frees the place if this thread has it: also one that has ended in the middle of its work. */
  release(holder: number): void {
    if (Atomics.compareExchange(this.#cell, 0, holder, FREE) === holder) Atomics.notify(this.#cell, 0);
  }
}
