/** One more than the longest code of DEFLATE. */
const MAX_LEVELS = 16;
/** All literals and lengths. */
const MAX_SYMBOLS = 286;
const INFINITE = 0x7fffffff;

/**
 * Shortest prefix codes of limited length, by package-merge (Larmore and Hirschberg, 1990), and in canonical order
 * (RFC 1951, 3.2.2). Where several are equally short, the one is chosen that Go's `compress/flate` chooses: a package
 * goes before a symbol of the same weight, and of symbols with equal weight the smaller counts as lighter.
 */
export class HuffmanCode {
  /** bits of each symbol, the first to be written lowest */
  readonly codes: Uint16Array;
  /** their number; 0 for a symbol that does not occur */
  readonly lengths: Uint8Array;
  /** symbols that occur, the lightest first; weight and symbol in one number, to sort them as numbers */
  readonly #order = new Float64Array(MAX_SYMBOLS);

  constructor(size: number) {
    this.codes = new Uint16Array(size);
    this.lengths = new Uint8Array(size);
  }

  /** Makes the code for symbols that occur so often, none longer than `maxBits`. */
  build(weights: Int32Array, maxBits: number): void {
    this.lengths.fill(0);
    let count = 0;
    for (let symbol = 0; symbol < weights.length; symbol += 1) {
      const weight = weights[symbol] ?? 0;
      if (weight > 0) this.#order[count++] = weight * MAX_LEVELS * MAX_SYMBOLS + symbol;
    }
    const order = this.#order.subarray(0, count);
    if (count <= 2) {
      for (const [code, entry] of order.entries()) this.set(symbolOf(entry), code, 1);
      return;
    }
    order.sort();
    this.#assign(order, countLengths(order, Math.min(maxBits, count - 1)));
  }

  /** Bits that so many symbols take. */
  cost(weights: Int32Array): number {
    let bits = 0;
    for (let symbol = 0; symbol < weights.length; symbol += 1) {
      bits += (weights[symbol] ?? 0) * (this.lengths[symbol] ?? 0);
    }
    return bits;
  }

  #assign(order: Float64Array, counts: readonly number[]): void {
    let code = 0;
    let end = order.length;
    for (let length = 1; length < counts.length; length += 1) {
      code <<= 1;
      const begin = end - (counts[length] ?? 0);
      const symbols = Array.from(order.subarray(begin, end), symbolOf).sort((one, other) => one - other);
      for (const symbol of symbols) this.set(symbol, code++, length);
      end = begin;
    }
  }

  /** Gives one symbol a code, as it is written in RFC 1951: the first bit highest. */
  set(symbol: number, code: number, length: number): void {
    this.lengths[symbol] = length;
    this.codes[symbol] = reversed(code, length);
  }
}

function symbolOf(entry: number): number {
  return entry % (MAX_LEVELS * MAX_SYMBOLS);
}

function weightOf(entry: number): number {
  return Math.floor(entry / (MAX_LEVELS * MAX_SYMBOLS));
}

/** How many symbols get each length. */
function countLengths(order: Float64Array, maxBits: number): number[] {
  const leaves = Array.from(order, weightOf);
  const rows: Uint8Array[] = [];
  let packages: number[] = [];
  for (let level = 1; level <= maxBits; level += 1) {
    const { row, weights } = merge(leaves, packages);
    rows.push(row);
    packages = pairs(weights);
  }
  // Of the uppermost row as many are taken as a full tree needs; each package takes two of the row below.
  const counts: number[] = [];
  let taken = 2 * leaves.length - 2;
  let above = -1;
  for (const row of rows.toReversed()) {
    const packed = row.subarray(0, taken).reduce((sum, isPackage) => sum + isPackage, 0);
    const own = taken - packed;
    if (above >= 0) counts.push(above - own);
    above = own;
    taken = 2 * packed;
  }
  return [0, ...counts, above];
}

/** One row: symbols and packages by weight, a package first where both weigh the same. */
function merge(
  leaves: readonly number[],
  packages: readonly number[],
): { row: Uint8Array; weights: number[] } {
  const row = new Uint8Array(leaves.length + packages.length);
  const weights: number[] = [];
  let leaf = 0;
  let packed = 0;
  for (let place = 0; place < row.length; place += 1) {
    const ofLeaf = leaves[leaf] ?? INFINITE;
    const ofPackage = packages[packed] ?? INFINITE;
    const isPackage = leaf >= leaves.length || (packed < packages.length && ofPackage <= ofLeaf);
    weights.push(isPackage ? ofPackage : ofLeaf);
    if (isPackage) {
      row[place] = 1;
      packed += 1;
    } else leaf += 1;
  }
  return { row, weights };
}

function pairs(weights: readonly number[]): number[] {
  const sums: number[] = [];
  for (let place = 0; place + 1 < weights.length; place += 2) {
    sums.push((weights[place] ?? 0) + (weights[place + 1] ?? 0));
  }
  return sums;
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit += 1) result |= ((code >>> bit) & 1) << (length - 1 - bit);
  return result;
}
