/**
 * Names (of blobs, snapshots) that work under way needs though no row refers to them yet. In memory only: after a
 * crash there is no work under way.
 */
export class Leases {
  readonly #held = new Map<string, number>();

  /** Dispose the result to let go. Counted: each holder lets go of its own. */
  hold(names: Iterable<string>): Disposable {
    const mine = [...names];
    for (const name of mine) this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        for (const name of mine.splice(0)) this.#release(name);
      },
    };
  }

  isHeld(name: string): boolean {
    return this.#held.has(name);
  }

  #release(name: string): void {
    const count = (this.#held.get(name) ?? 0) - 1;
    if (count > 0) this.#held.set(name, count);
    else this.#held.delete(name);
  }
}
