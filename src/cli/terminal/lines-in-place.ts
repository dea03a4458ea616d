import type { OutputStream } from '../context.ts';

/** Lines at the bottom of a terminal that are written over with each change. */
export class LinesInPlace {
  readonly #out: OutputStream;
  #shown = 0;

  constructor(out: OutputStream) {
    this.#out = out;
  }

  /** Writes them over those that were shown before. Each has to fit its row. */
  show(lines: readonly string[]): void {
    const up = this.#shown > 0 ? `\x1b[${this.#shown}A\r` : '';
    const text = lines.map(line => `${line}\x1b[K\n`).join('');
    // One write, and what is left of more lines is erased: nothing is ever blank.
    this.#out.write(`${up}${text}\x1b[J`);
    this.#shown = lines.length;
  }

  /** What is shown stays; the next lines come below. */
  keep(): void {
    this.#shown = 0;
  }
}
