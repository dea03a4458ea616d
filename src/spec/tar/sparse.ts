import { BLOCK_SIZE, type SparseMap } from './tar-entry.ts';
import { tarError } from './tar-error.ts';
import { parseNumber } from './tar-header.ts';

type Segment = SparseMap['segments'][number];

/** No file system makes files of more pieces that anyone would pack. */
const MAX_SEGMENTS = 100_000;
const MAX_MAP_BYTES = 4 * 1024 * 1024;

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
  readonly #blocks: Buffer[] = [];

  constructor(realSize: string | undefined) {
    this.realSize = decimal(realSize ?? '');
  }

  get mapBytes(): number {
    return this.#blocks.length * BLOCK_SIZE;
  }

  /** @returns whether the map is complete. */
  addBlock(block: Buffer): boolean {
    this.#blocks.push(Buffer.from(block));
    if (this.mapBytes > MAX_MAP_BYTES) throw tarError('a sparse file has too many pieces');
    const lines = this.#lines();
    return lines.length > 1 && lines.length - 1 > 2 * decimal(lines[0] ?? '');
  }

  finish(storedSize: number): SparseMap {
    const [count = 0, ...numbers] = this.#lines().slice(0, -1).map(decimal);
    const segments = pairs(numbers.slice(0, 2 * count));
    return checked({ realSize: this.realSize, segments }, storedSize);
  }

  #lines(): string[] {
    return Buffer.concat(this.#blocks).toString('latin1').split('\n');
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
