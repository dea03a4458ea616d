import type { Abortable } from './abortable.ts';
import { Semaphore } from './semaphore.ts';

/** Places for each key, and for all keys together: who holds all places of one key holds up nobody who wants another. */
export class KeyedSemaphore {
  readonly #perKey: number;
  readonly #overall: Semaphore;
  readonly #keys = new Map<string, { readonly places: Semaphore; users: number }>();

  constructor({ perKey, overall }: { readonly perKey: number; readonly overall: number }) {
    this.#perKey = perKey;
    this.#overall = new Semaphore(overall);
  }

  /** Runs `work` when there is a place. @throws {EngineError} `cancelled` when the signal fires before that. */
  async run<T>(key: string, work: () => Promise<T>, options: Abortable = {}): Promise<T> {
    const entry = this.#keys.get(key) ?? { places: new Semaphore(this.#perKey), users: 0 };
    this.#keys.set(key, entry);
    entry.users += 1;
    try {
      return await entry.places.run(() => this.#overall.run(work, options), options);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#keys.delete(key);
    }
  }
}
