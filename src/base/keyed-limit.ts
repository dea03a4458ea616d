import { type Abortable, orAborted } from './abortable.ts';
import { Semaphore } from './semaphore.ts';

/**
 * At most so many pieces of work for one key at a time. Who gives up is free at once, but the place stays taken until the work has really
 * ended: work that hangs takes no more than the places of its key.
 */
export class KeyedLimit {
  readonly #limit: number;
  readonly #byKey = new Map<string, { readonly semaphore: Semaphore; users: number }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws {EngineError} `cancelled` or `deadline` when the signal fires, before a place is free or while the work goes on. */
  async run<T>(key: string, work: () => Promise<T>, { signal }: Abortable = {}): Promise<T> {
    const entry = this.#byKey.get(key) ?? { semaphore: new Semaphore(this.#limit), users: 0 };
    this.#byKey.set(key, entry);
    entry.users += 1;
    const done = entry.semaphore.run(work, signal ? { signal } : {}).finally(() => {
      entry.users -= 1;
      if (entry.users === 0) this.#byKey.delete(key);
    });
    done.catch(() => undefined); // nobody may be waiting for it any more
    return await orAborted(done, signal);
  }
}
