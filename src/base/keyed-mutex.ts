import { type Abortable, abortError, throwIfAborted } from './abortable.ts';

interface Waiter {
  readonly grant: () => void;
}

/** One lock per key, first come first served. Holds nothing for keys that are free. */
export class KeyedMutex {
  readonly #queues = new Map<string, Waiter[]>();

  /**
   * Takes the lock of `key`; dispose the result to release it (twice is harmless).
   *
   * @throws {EngineError} `cancelled` when the signal fires while waiting; the place in the queue is given up.
   */
  async lock(key: string, { signal }: Abortable = {}): Promise<Disposable> {
    throwIfAborted(signal);
    const queue = this.#queues.get(key);
    if (!queue) {
      this.#queues.set(key, []);
      return this.#holder(key);
    }
    await this.#wait(queue, signal);
    return this.#holder(key);
  }

  /** Whether someone holds the lock of `key`. */
  isLocked(key: string): boolean {
    return this.#queues.has(key);
  }

  async #wait(queue: Waiter[], signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { grant: resolve };
    const onAbort = (): void => {
      const place = queue.indexOf(waiter);
      if (place < 0) return; // granted in the same turn: the lock is ours
      queue.splice(place, 1);
      if (signal) reject(abortError(signal));
    };
    queue.push(waiter);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #holder(key: string): Disposable {
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#release(key);
      },
    };
  }

  #release(key: string): void {
    const next = this.#queues.get(key)?.shift();
    if (next) next.grant();
    else this.#queues.delete(key);
  }
}
