/**
 * Lets one piece of synchronous work into each turn of the event loop. When many requests come at once, timers and
 * other clients get their turn between the pieces, however many there are. Alone, nobody waits.
 */
export class Turnstile {
  readonly #queue: (() => void)[] = [];
  #isTaken = false;

  /** Resolves at once when nobody has passed in this turn, otherwise in a turn of its own, first come first served. */
  async pass(): Promise<void> {
    if (!this.#isTaken) {
      this.#take();
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#queue.push(resolve);
    await promise;
  }

  #take(): void {
    this.#isTaken = true;
    setImmediate(() => {
      const next = this.#queue.shift();
      this.#isTaken = false;
      if (!next) return;
      this.#take();
      next();
    });
  }
}
