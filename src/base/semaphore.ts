import { type Abortable, abortError, throwIfAborted } from './abortable.ts';

/** Lets at most `limit` pieces of work run at a time, first come first served. Every fan-out has one. */
export class Semaphore {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1) {
      throw new RangeError(`Semaphore limit must be at least 1, got ${limit}`);
    }
    this.#free = limit;
  }

  /** Whether {@link run} would begin at once. */
  get hasRoom(): boolean {
    return this.#free > 0;
  }

  /** Runs `work` when a place is free. @throws {EngineError} `cancelled` when the signal fires before that. */
  async run<T>(work: () => Promise<T>, { signal }: Abortable = {}): Promise<T> {
    throwIfAborted(signal);
    if (this.#free > 0) this.#free -= 1;
    else await this.#place(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  async #place(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      const place = this.#waiting.indexOf(resolve);
      if (place < 0 || !signal) return;
      this.#waiting.splice(place, 1);
      reject(abortError(signal));
    };
    this.#waiting.push(resolve);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
