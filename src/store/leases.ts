/**
 * Names (of blobs, snapshots) that work under way needs though no row refers to them yet. In memory only: after a
 * crash there is no work under way.
 */
export class Leases {
  readonly #held = new Map<string, number>();
  readonly #waiting = new Map<string, (name: string) => void>();

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

  /** Calls back once, when the last holder of a name that is held has let go. The last call for a name counts. */
  whenReleased(name: string, callback: (name: string) => void): void {
    this.#waiting.set(name, callback);
  }

  #release(name: string): void {
    const count = (this.#held.get(name) ?? 0) - 1;
    if (count > 0) return void this.#held.set(name, count);
    this.#held.delete(name);
    const callback = this.#waiting.get(name);
    this.#waiting.delete(name);
    callback?.(name);
  }
}
