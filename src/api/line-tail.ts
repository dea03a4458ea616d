/** Lines of progress that wait to be told; of too many the oldest go, but for the first, which says what it is about. */
export class LineTail {
  readonly #maxCharacters: number;
  #lines: object[] = [];
  #characters = 0;

  constructor({ maxCharacters }: { readonly maxCharacters: number }) {
    this.#maxCharacters = maxCharacters;
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  push(lines: readonly object[]): void {
    for (const line of lines) {
      this.#lines.push(line);
      this.#characters += sizeOf(line);
    }
    if (this.#characters <= this.#maxCharacters) return;
    // Half of it at once, so that not every line moves all others.
    let dropped = 0;
    while (1 + dropped < this.#lines.length - 1 && this.#characters > this.#maxCharacters / 2) {
      dropped += 1;
      this.#characters -= sizeOf(this.#lines[dropped] ?? {});
    }
    this.#lines.splice(1, dropped);
  }

  take(): readonly object[] {
    const taken = this.#lines;
    this.#lines = [];
    this.#characters = 0;
    return taken;
  }
}

const LINE_CHARACTERS = 32;

function sizeOf(line: object): number {
  return LINE_CHARACTERS + ('stream' in line && typeof line.stream === 'string' ? line.stream.length : 0);
}
