import { BLOCK_SIZE, type SparseMap } from './tar-entry.ts';
import { tarError } from './tar-error.ts';
import { parseNumber } from './tar-header.ts';

type Segment = SparseMap['segments'][number];

/** No file system makes files of more pieces that anyone would pack. */
const MAX_SEGMENTS = 100_000;
const MAX_DIGITS = 16;

const INLINE_OFFSET = 386;
const INLINE_COUNT = 4;
const INLINE_EXTENDED = 482;
const REAL_SIZE_OFFSET = 483;
const EXTENSION_COUNT = 21;
const EXTENSION_EXTENDED = 504;
const PAIR_BYTES = 24;

/** Collects the map of a sparse file in GNU tar's own format (type `S`): in the header and in blocks after it. */
export class GnuSparseReader {
  readonly realSize: number;
  readonly #segments: Segment[] = [];
  #isComplete: boolean;

  constructor(header: Buffer, offset: number) {
    this.realSize = parseNumber(header, offset + REAL_SIZE_OFFSET, 12, 'realsize');
    this.#read(header, offset + INLINE_OFFSET, INLINE_COUNT);
    this.#isComplete = header[offset + INLINE_EXTENDED] === 0;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  addBlock(block: Buffer): void {
    this.#read(block, 0, EXTENSION_COUNT);
    this.#isComplete = block[EXTENSION_EXTENDED] === 0;
    if (this.#segments.length > MAX_SEGMENTS) throw tarError('a sparse file has too many pieces');
  }

  finish(storedSize: number): SparseMap {
    return checked({ realSize: this.realSize, segments: this.#segments }, storedSize);
  }

  #read(block: Buffer, start: number, count: number): void {
    for (let index = 0; index < count; index += 1) {
      const at = start + index * PAIR_BYTES;
      if (block[at] === 0) return;
      this.#segments.push({
        offset: parseNumber(block, at, 12, 'sparse offset'),
        length: parseNumber(block, at + 12, 12, 'sparse length'),
      });
    }
  }
}

/** Collects the map of PAX sparse format 1.0: decimal numbers, one per line, in the first blocks of the content. */
export class PaxSparseReader {
  readonly realSize: number;
  /** how many pieces there are, then where each begins and how long it is */
  readonly #numbers: number[] = [];
  /** a number whose line goes on in the next block */
  #begun = '';
  #blocks = 0;

  constructor(realSize: string | undefined) {
    this.realSize = decimal(realSize ?? '');
  }

  get mapBytes(): number {
    return this.#blocks * BLOCK_SIZE;
  }

  /** @returns whether the map is complete; what follows it in the block is padding. */
  addBlock(block: Buffer): boolean {
    this.#blocks += 1;
    const lines = (this.#begun + block.toString('latin1')).split('\n');
    const begun = lines.pop() ?? '';
    for (const line of lines) {
      this.#numbers.push(decimal(line));
      const [count = 0] = this.#numbers;
      if (count > MAX_SEGMENTS) throw tarError('a sparse file has too many pieces');
      if (this.#numbers.length > 2 * count) return true;
    }
    if (begun.length > MAX_DIGITS) throw tarError('malformed sparse map');
    this.#begun = begun;
    return false;
  }

  finish(storedSize: number): SparseMap {
    return checked({ realSize: this.realSize, segments: pairs(this.#numbers.slice(1)) }, storedSize);
  }
}

/** The map of PAX sparse format 0.1, in one record: `offset,length,offset,length…`. */
export function parseSparseList(list: string, realSize: string | undefined, storedSize: number): SparseMap {
  const numbers = list === '' ? [] : list.split(',').map(decimal);
  if (numbers.length % 2 !== 0) throw tarError('malformed sparse map');
  return checked({ realSize: decimal(realSize ?? ''), segments: pairs(numbers) }, storedSize);
}

function pairs(numbers: readonly number[]): Segment[] {
  const segments: Segment[] = [];
  for (let index = 0; index + 1 < numbers.length; index += 2) {
    segments.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 });
  }
  return segments;
}

/** In order, without overlap, inside the file, and as much as is stored. */
function checked(map: SparseMap, storedSize: number): SparseMap {
  if (map.segments.length > MAX_SEGMENTS) throw tarError('a sparse file has too many pieces');
  let end = 0;
  let stored = 0;
  for (const { offset, length } of map.segments) {
    if (offset < end || length < 0) throw tarError('malformed sparse map');
    end = offset + length;
    stored += length;
  }
  if (end > map.realSize || stored !== storedSize) throw tarError('malformed sparse map');
  return map;
}

function decimal(text: string): number {
  const value = Number(text);
  if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw tarError('malformed sparse map');
  return value;
}
