/** How many inputs each target gets; more by hand: `QUAI_FUZZ=1000000 npm test -- fuzz`. */
export const ROUNDS = Number(process.env['QUAI_FUZZ'] ?? 5000);

/** Another one gives other inputs; a failure prints its input, so the seed need not be known. */
const SEED = Number(process.env['QUAI_FUZZ_SEED'] ?? 1);

/** Inputs without end, the same in each run. */
export class MadeUp {
  #state: number;

  constructor(salt: number) {
    this.#state = (SEED * 2_654_435_761 + salt) >>> 0;
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  one<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError('nothing to choose from');
    return choice;
  }

  /** Up to `most` pieces in a row. */
  text(pieces: readonly string[], most: number): string {
    return Array.from({ length: this.below(most + 1) }, () => this.one(pieces)).join('');
  }

  /** A copy with a few bytes changed, taken out, doubled or cut off. */
  mutated(original: Buffer): Buffer {
    let bytes = Buffer.from(original);
    for (let change = this.below(6); change >= 0 && bytes.length > 0; change -= 1) {
      const at = this.below(bytes.length);
      const kind = this.below(5);
      if (kind === 0) bytes[at] = this.below(256);
      else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
      else if (kind === 2)
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 40))]);
      else if (kind === 3) bytes = bytes.subarray(0, at);
      else bytes[at] = this.one([0, 0x22, 0x2c, 0x7b, 0x7d, 0x5b, 0x5d, 0x2d, 0xff]);
    }
    return bytes;
  }
}
