import { BitWriter, type ByteSink } from './bit-writer.ts';
import { BlockWriter, COPY, LENGTH_SHIFT } from './block-writer.ts';

export type GoLevel = 4 | 5 | 6 | 7 | 8 | 9;

/** How hard to look: `lazy`: look one byte on when the copy at hand is shorter; `nice`: long enough; `tries`: candidates. */
const LEVELS: Readonly<
  Record<GoLevel, { readonly lazy: number; readonly nice: number; readonly tries: number }>
> = {
  4: { lazy: 4, nice: 16, tries: 16 },
  5: { lazy: 16, nice: 32, tries: 32 },
  6: { lazy: 16, nice: 128, tries: 128 },
  7: { lazy: 32, nice: 128, tries: 256 },
  8: { lazy: 128, nice: 258, tries: 1024 },
  9: { lazy: 258, nice: 258, tries: 4096 },
};

const WINDOW = 32_768;
const MASK = WINDOW - 1;
const MIN_COPY = 4;
const MAX_COPY = 258;
/** Copies of the shortest length from further away cost more than they save. */
const SHORT_REACH = 4096;
const LOOKAHEAD = MIN_COPY + MAX_COPY;
const BLOCK_TOKENS = 16_384;
const HASH_BITS = 17;
const HASH_FACTOR = 0x1e35a7bd;
/** Positions are counted on until they get this large. */
const REBASE_AT = 1 << 28;
/** Greater than any index: the block began before what the window still holds. */
const LOST = 1 << 30;

/**
 * DEFLATE (RFC 1951), byte for byte as Go's `compress/flate` writes it at levels 4 to 9, from Go 1.7 on: most images
 * in the world were compressed by it. Made to find out whether a layer can be compressed again to the blob it came in.
 *
 * Go's output depends, rarely, on how its input was cut into writes: each {@link write} here is one there.
 */
export class GoDeflate {
  readonly #level: { readonly lazy: number; readonly nice: number; readonly tries: number };
  readonly #blocks: BlockWriter;
  readonly #window = new Uint8Array(2 * WINDOW);
  /** last position with each hash, and for each position the one before with the same; counted from `#base`, 0: none */
  readonly #heads = new Int32Array(1 << HASH_BITS);
  readonly #previous = new Int32Array(WINDOW);
  readonly #tokens = new Int32Array(BLOCK_TOKENS + 1);
  #tokenCount = 0;
  #base = 1;
  #index = 0;
  #end = 0;
  #blockStart = 0;
  /** the byte before `index` has no token yet */
  #isPending = false;
  /** the copy found at `index`, or at the byte before it */
  #length = MIN_COPY - 1;
  #distance = 0;

  constructor(level: GoLevel, sink: ByteSink) {
    this.#level = LEVELS[level];
    this.#blocks = new BlockWriter(new BitWriter(sink));
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      this.#compress(false);
      done += this.#fill(bytes.subarray(done));
    }
  }

  finish(): void {
    this.#compress(true);
    this.#blocks.writeLast();
  }

  /** Takes in as much as there is room for. */
  #fill(bytes: Uint8Array): number {
    if (this.#index >= 2 * WINDOW - LOOKAHEAD) this.#slide();
    const taken = bytes.subarray(0, 2 * WINDOW - this.#end);
    this.#window.set(taken, this.#end);
    this.#end += taken.length;
    return taken.length;
  }

  #slide(): void {
    this.#window.copyWithin(0, WINDOW);
    this.#index -= WINDOW;
    this.#end -= WINDOW;
    this.#blockStart = this.#blockStart >= WINDOW ? this.#blockStart - WINDOW : LOST;
    this.#base += WINDOW;
    if (this.#base < REBASE_AT) return;
    const shift = this.#base - 1;
    for (const table of [this.#heads, this.#previous]) {
      for (let place = 0; place < table.length; place += 1) {
        table[place] = Math.max(0, (table[place] ?? 0) - shift);
      }
    }
    this.#base = 1;
  }

  /** Goes on as long as there is enough to look at; to the end of the input if that `isAll`. */
  #compress(isAll: boolean): void {
    const lastInsert = this.#end - (MIN_COPY - 1);
    const { lazy } = this.#level;
    while (this.#end - this.#index >= LOOKAHEAD || isAll) {
      const ahead = this.#end - this.#index;
      if (ahead === 0) return this.#flushAll();
      const head = this.#index < lastInsert ? this.#insert(this.#index) : -1;
      const { length, distance } = { length: this.#length, distance: this.#distance };
      this.#length = MIN_COPY - 1;
      this.#distance = 0;
      const oldest = Math.max(0, this.#index - WINDOW);
      if (head - this.#base >= oldest && ahead > length && length < lazy) {
        this.#search(head - this.#base, Math.min(ahead, MAX_COPY));
      }
      if (length >= MIN_COPY && this.#length <= length) this.#copy(length, distance, lastInsert);
      else this.#literal();
    }
  }

  /** The copy found one byte before was as good: it is taken. */
  #copy(length: number, distance: number, lastInsert: number): void {
    this.#tokens[this.#tokenCount++] = COPY | ((length - 3) << LENGTH_SHIFT) | (distance - 1);
    const next = this.#index + length - 1;
    for (let index = this.#index + 1; index < next && index < lastInsert; index += 1) this.#insert(index);
    this.#index = next;
    this.#isPending = false;
    this.#length = MIN_COPY - 1;
    if (this.#tokenCount === BLOCK_TOKENS) this.#flush(this.#index);
  }

  #literal(): void {
    if (this.#isPending) {
      this.#tokens[this.#tokenCount++] = this.#window[this.#index - 1] ?? 0;
      if (this.#tokenCount === BLOCK_TOKENS) this.#flush(this.#index);
    }
    this.#index += 1;
    this.#isPending = true;
  }

  #flushAll(): void {
    if (this.#isPending) this.#tokens[this.#tokenCount++] = this.#window[this.#index - 1] ?? 0;
    this.#isPending = false;
    if (this.#tokenCount > 0) this.#flush(this.#index);
  }

  #flush(index: number): void {
    const input = this.#blockStart <= index ? this.#window.subarray(this.#blockStart, index) : undefined;
    this.#blockStart = index;
    this.#blocks.write(this.#tokens.subarray(0, this.#tokenCount), input);
    this.#tokenCount = 0;
  }

  /** Notes the position under its hash. @returns the one before. */
  #insert(index: number): number {
    const window = this.#window;
    const word =
      ((window[index] ?? 0) << 24) |
      ((window[index + 1] ?? 0) << 16) |
      ((window[index + 2] ?? 0) << 8) |
      (window[index + 3] ?? 0);
    const hash = Math.imul(word, HASH_FACTOR) >>> (32 - HASH_BITS);
    const head = this.#heads[hash] ?? 0;
    this.#previous[index & MASK] = head;
    this.#heads[hash] = index + this.#base;
    return head;
  }

  /** The longest copy, the nearest of several, among so many candidates. */
  #search(first: number, longest: number): void {
    const window = this.#window;
    const previous = this.#previous;
    const position = this.#index;
    const base = this.#base;
    const nice = Math.min(longest, this.#level.nice);
    const oldest = position - WINDOW;
    let best = MIN_COPY - 1;
    let candidate = first;
    for (let tries = this.#level.tries; tries > 0; tries -= 1) {
      if (window[candidate + best] === window[position + best]) {
        let length = 0;
        while (length < longest && window[candidate + length] === window[position + length]) length += 1;
        if (length > best && (length > MIN_COPY || position - candidate <= SHORT_REACH)) {
          best = length;
          this.#length = length;
          this.#distance = position - candidate;
          if (length >= nice) return;
        }
      }
      if (candidate === oldest) return;
      candidate = (previous[candidate & MASK] ?? 0) - base;
      if (candidate < oldest || candidate < 0) return;
    }
  }
}
