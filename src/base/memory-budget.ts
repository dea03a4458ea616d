/**
 * What a thread has to remember of hostile input, as it is counted, not as it is measured: a thread whose heap is full ends,
 * and where something large did not fit any more, V8 ends the whole process.
 */
export class MemoryBudget {
  readonly #most: number;
  #spent = 0;

  constructor(mostBytes: number) {
    this.#most = mostBytes;
  }

  get spent(): number {
    return this.#spent;
  }

  /** @returns whether that is more than there is. */
  isOver(bytes: number): boolean {
    this.#spent += bytes;
    return this.#spent > this.#most;
  }

  giveBack(bytes: number): void {
    this.#spent -= bytes;
  }
}
