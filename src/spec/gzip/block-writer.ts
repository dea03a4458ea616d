import type { BitWriter } from './bit-writer.ts';
import { HuffmanCode } from './huffman-code.ts';

/** A token is a literal byte, or a copy: this bit, its length less 3, its distance less 1. */
export const COPY = 1 << 30;
export const LENGTH_SHIFT = 16;

const LITERALS = 286;
const DISTANCES = 30;
const END_OF_BLOCK = 256;
const FIRST_LENGTH = 257;
const MAX_STORED_BYTES = 65_535;

/** RFC 1951, 3.2.5 and 3.2.7 */
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const REPEAT = 16;
const ZEROS = 17;
const MANY_ZEROS = 18;
const REPEAT_EXTRA: Readonly<Record<number, number>> = { [REPEAT]: 2, [ZEROS]: 3, [MANY_ZEROS]: 7 };

/** of each length less 3, and of each distance less 1: number of its code */
const LENGTH_CODE = new Uint8Array(256);
const LENGTH_BASE = basesOf(LENGTH_EXTRA);
const DISTANCE_BASE = basesOf(DISTANCE_EXTRA);
const DISTANCE_CODE = new Uint8Array(32_768);
for (let code = 0; code < LENGTH_EXTRA.length; code += 1) LENGTH_CODE.fill(code, LENGTH_BASE[code]);
LENGTH_CODE[255] = 28; // 258 has a code of its own
LENGTH_BASE[28] = 255;
for (let code = 0; code < DISTANCES; code += 1) DISTANCE_CODE.fill(code, DISTANCE_BASE[code]);

const FIXED_LITERALS = fixedLiterals();
const FIXED_DISTANCES = fixedDistances();

/** Writes blocks of DEFLATE, each in the shortest of its three forms. */
export class BlockWriter {
  readonly #bits: BitWriter;
  readonly #literalCounts = new Int32Array(LITERALS);
  readonly #distanceCounts = new Int32Array(DISTANCES);
  readonly #literals = new HuffmanCode(LITERALS);
  readonly #distances = new HuffmanCode(DISTANCES);
  readonly #header = new CodeLengths();

  constructor(bits: BitWriter) {
    this.#bits = bits;
  }

  /** @param input what the tokens stand for, where it is at hand: then the block may be stored. */
  write(tokens: Int32Array, input: Uint8Array | undefined): void {
    const { literals, distances } = this.#count(tokens);
    this.#literals.build(this.#literalCounts, 15);
    this.#distances.build(this.#distanceCounts, 15);
    const isStorable = input !== undefined && input.length <= MAX_STORED_BYTES;
    const extra = isStorable ? this.#extraBits() : 0; // the same in both forms
    const header = this.#header.describe(this.#literals, literals, this.#distances, distances);
    const fixed = 3 + this.#cost(FIXED_LITERALS, FIXED_DISTANCES) + extra;
    const dynamic = header + this.#cost(this.#literals, this.#distances) + extra;
    if (isStorable && (input.length + 5) * 8 < Math.min(fixed, dynamic)) return this.#store(input);
    if (dynamic < fixed) {
      this.#bits.write(0b100, 3);
      this.#header.write(this.#bits, literals, distances);
      this.#writeTokens(tokens, this.#literals, this.#distances);
    } else {
      this.#bits.write(0b010, 3);
      this.#writeTokens(tokens, FIXED_LITERALS, FIXED_DISTANCES);
    }
  }

  /** An empty stored block, the last one: what Go's compressor ends with. */
  writeLast(): void {
    this.#storedHeader(0, 1);
    this.#bits.end();
  }

  #store(input: Uint8Array): void {
    this.#storedHeader(input.length, 0);
    this.#bits.writeBytes(input);
  }

  #storedHeader(length: number, isLast: 0 | 1): void {
    this.#bits.write(isLast, 3);
    this.#bits.align();
    this.#bits.write(length, 16);
    this.#bits.write(~length & 0xffff, 16);
  }

  /** @returns how many codes of each kind have to be described. */
  #count(tokens: Int32Array): { readonly literals: number; readonly distances: number } {
    const literals = this.#literalCounts.fill(0);
    const distances = this.#distanceCounts.fill(0);
    for (let place = 0; place < tokens.length; place += 1) {
      const token = tokens[place] ?? 0;
      if (token < COPY) increment(literals, token);
      else {
        increment(literals, FIRST_LENGTH + (LENGTH_CODE[(token >>> LENGTH_SHIFT) & 0xff] ?? 0));
        increment(distances, DISTANCE_CODE[token & 0x7fff] ?? 0);
      }
    }
    increment(literals, END_OF_BLOCK);
    // A block without copies describes one distance all the same.
    if (lastUsed(distances) < 0) distances[0] = 1;
    return { literals: lastUsed(literals) + 1, distances: lastUsed(distances) + 1 };
  }

  #extraBits(): number {
    let bits = 0;
    for (const [code, extra] of LENGTH_EXTRA.entries()) {
      bits += extra * (this.#literalCounts[FIRST_LENGTH + code] ?? 0);
    }
    for (const [code, extra] of DISTANCE_EXTRA.entries()) bits += extra * (this.#distanceCounts[code] ?? 0);
    return bits;
  }

  #cost(literals: HuffmanCode, distances: HuffmanCode): number {
    return literals.cost(this.#literalCounts) + distances.cost(this.#distanceCounts);
  }

  #writeTokens(tokens: Int32Array, literals: HuffmanCode, distances: HuffmanCode): void {
    const bits = this.#bits;
    const { codes, lengths } = literals;
    const { codes: distanceCodes, lengths: distanceLengths } = distances;
    for (let place = 0; place < tokens.length; place += 1) {
      const token = tokens[place] ?? 0;
      if (token < COPY) {
        bits.write(codes[token] ?? 0, lengths[token] ?? 0);
        continue;
      }
      const length = (token >>> LENGTH_SHIFT) & 0xff;
      const code = LENGTH_CODE[length] ?? 0;
      bits.write(codes[FIRST_LENGTH + code] ?? 0, lengths[FIRST_LENGTH + code] ?? 0);
      bits.write(length - (LENGTH_BASE[code] ?? 0), LENGTH_EXTRA[code] ?? 0);
      const distance = token & 0x7fff;
      const far = DISTANCE_CODE[distance] ?? 0;
      bits.write(distanceCodes[far] ?? 0, distanceLengths[far] ?? 0);
      bits.write(distance - (DISTANCE_BASE[far] ?? 0), DISTANCE_EXTRA[far] ?? 0);
    }
    bits.write(codes[END_OF_BLOCK] ?? 0, lengths[END_OF_BLOCK] ?? 0);
  }
}

/** The description of a block's two codes: their lengths, run-length encoded, in a code of its own. */
class CodeLengths {
  /** code lengths and signs for repetition, each followed by what its extra bits say (or 0) */
  readonly #symbols: number[] = [];
  readonly #counts = new Int32Array(CODE_LENGTH_ORDER.length);
  readonly #code = new HuffmanCode(CODE_LENGTH_ORDER.length);
  #described = 0;

  /** @returns bits of the block's header. */
  describe(
    literals: HuffmanCode,
    literalCount: number,
    distances: HuffmanCode,
    distanceCount: number,
  ): number {
    this.#symbols.length = 0;
    this.#counts.fill(0);
    const lengths = [
      ...literals.lengths.subarray(0, literalCount),
      ...distances.lengths.subarray(0, distanceCount),
    ];
    for (let begin = 0; begin < lengths.length; ) {
      const length = lengths[begin] ?? 0;
      let end = begin + 1;
      while (end < lengths.length && lengths[end] === length) end += 1;
      if (length === 0) this.#zeros(end - begin);
      else this.#repeated(length, end - begin);
      begin = end;
    }
    this.#code.build(this.#counts, 7);
    this.#described = CODE_LENGTH_ORDER.length;
    while (this.#described > 4 && this.#counts[CODE_LENGTH_ORDER[this.#described - 1] ?? 0] === 0) {
      this.#described -= 1;
    }
    const extra = [REPEAT, ZEROS, MANY_ZEROS].reduce(
      (sum, symbol) => sum + (this.#counts[symbol] ?? 0) * (REPEAT_EXTRA[symbol] ?? 0),
      0,
    );
    return 3 + 5 + 5 + 4 + 3 * this.#described + this.#code.cost(this.#counts) + extra;
  }

  write(bits: BitWriter, literalCount: number, distanceCount: number): void {
    bits.write(literalCount - FIRST_LENGTH, 5);
    bits.write(distanceCount - 1, 5);
    bits.write(this.#described - 4, 4);
    for (const symbol of CODE_LENGTH_ORDER.slice(0, this.#described)) {
      bits.write(this.#code.lengths[symbol] ?? 0, 3);
    }
    for (let place = 0; place < this.#symbols.length; place += 2) {
      const symbol = this.#symbols[place] ?? 0;
      bits.write(this.#code.codes[symbol] ?? 0, this.#code.lengths[symbol] ?? 0);
      bits.write(this.#symbols[place + 1] ?? 0, REPEAT_EXTRA[symbol] ?? 0);
    }
  }

  #zeros(count: number): void {
    let left = count;
    for (; left >= 11; left -= Math.min(left, 138)) this.#add(MANY_ZEROS, Math.min(left, 138) - 11);
    if (left >= 3) {
      this.#add(ZEROS, left - 3);
      left = 0;
    }
    for (; left > 0; left -= 1) this.#add(0, 0);
  }

  #repeated(length: number, count: number): void {
    this.#add(length, 0);
    let left = count - 1;
    for (; left >= 3; left -= Math.min(left, 6)) this.#add(REPEAT, Math.min(left, 6) - 3);
    for (; left > 0; left -= 1) this.#add(length, 0);
  }

  #add(symbol: number, extra: number): void {
    this.#symbols.push(symbol, extra);
    increment(this.#counts, symbol);
  }
}

function increment(counts: Int32Array, place: number): void {
  counts[place] = (counts[place] ?? 0) + 1;
}

function lastUsed(counts: Int32Array): number {
  let last = counts.length - 1;
  while (last >= 0 && counts[last] === 0) last -= 1;
  return last;
}

function basesOf(extra: readonly number[]): number[] {
  let base = 0;
  return extra.map(bits => {
    const own = base;
    base += 1 << bits;
    return own;
  });
}

/** RFC 1951, 3.2.6 */
function fixedLiterals(): HuffmanCode {
  const code = new HuffmanCode(LITERALS);
  const ranges = [
    { from: 0, to: 143, first: 0b0011_0000, length: 8 },
    { from: 144, to: 255, first: 0b1_1001_0000, length: 9 },
    { from: 256, to: 279, first: 0, length: 7 },
    { from: 280, to: LITERALS - 1, first: 0b1100_0000, length: 8 },
  ];
  for (const { from, to, first, length } of ranges) {
    for (let symbol = from; symbol <= to; symbol += 1) code.set(symbol, first + symbol - from, length);
  }
  return code;
}

function fixedDistances(): HuffmanCode {
  const code = new HuffmanCode(DISTANCES);
  for (let symbol = 0; symbol < DISTANCES; symbol += 1) code.set(symbol, symbol, 5);
  return code;
}
