const WINDOW = 1024n;

/** Says of each number whether it comes for the first time; numbers far behind the highest are taken for old ones (RFC 4303, 3.4.3). */
export class ReplayWindow {
  #highest = -1n;
  readonly #seen = new Set<bigint>();

  isNew(number: bigint): boolean {
    return number > this.#highest - WINDOW && !this.#seen.has(number);
  }

  /** Only for what is known to be genuine. */
  note(number: bigint): void {
    this.#seen.add(number);
    if (number <= this.#highest) return;
    this.#highest = number;
    for (const old of this.#seen) if (old <= this.#highest - WINDOW) this.#seen.delete(old);
  }
}
