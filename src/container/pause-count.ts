import { KeyedMutex } from '#base/keyed-mutex';

/** Containers that are paused for work of the engine's: with the first piece of work, until the last is over. */
export class PauseCount {
  readonly #locks = new KeyedMutex();
  readonly #counts = new Map<string, number>();

  /**
   * @param pause what pauses it; `false` when there is nothing to pause
   * @returns whether it is paused for this work, which {@link release} must follow.
   */
  async hold(id: string, pause: () => Promise<boolean>): Promise<boolean> {
    using _lock = await this.#locks.lock(id);
    const count = this.#counts.get(id) ?? 0;
    const isPaused = await pause(); // also when it was for others: it may have been started anew since
    if (count === 0 && !isPaused) return false;
    this.#counts.set(id, count + 1);
    return true;
  }

  async release(id: string, unpause: () => Promise<void>): Promise<void> {
    using _lock = await this.#locks.lock(id);
    const left = (this.#counts.get(id) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(id, left);
      return;
    }
    this.#counts.delete(id);
    await unpause();
  }
}
