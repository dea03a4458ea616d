import type { FileHandle } from 'node:fs/promises';
import type { LogFile } from './log-files.ts';
import { FULL, NEWLINE, TAG_AT } from './log-record.ts';
import type { RecordFilter } from './record-filter.ts';

/** Where to begin reading: the offset of a record in one of the files. */
export interface LogPosition {
  readonly index: number;
  readonly offset: number;
}

const FIRST_BLOCK_BYTES = 64 * 1024;
const BLOCK_BYTES = 256 * 1024;

/**
 * Finds the start of the last `count` lines a client wants, reading backwards.
 *
 * A line ends with a full record. The last record of a stream counts too when it is only a part: its line has not ended.
 *
 * @param files oldest first
 */
export async function findTail(
  files: readonly LogFile[],
  count: number,
  filter: RecordFilter,
): Promise<LogPosition> {
  const counter = new LineCounter(count, filter);
  for (let index = files.length - 1; index >= 0; index -= 1) {
    const file = files[index];
    const offset = file && (await scanBackwards(file.handle, counter));
    if (offset !== undefined) return { index, offset };
  }
  return { index: 0, offset: 0 };
}

class LineCounter {
  readonly #filter: RecordFilter;
  #missing: number;
  /** streams, as bits, of which a record was met */
  #met = 0;

  constructor(count: number, filter: RecordFilter) {
    this.#missing = count;
    this.#filter = filter;
  }

  /** @returns whether enough lines lie behind this record, so that it is not wanted. */
  isEnough(bytes: Buffer, start: number, end: number): boolean {
    const stream = this.#filter.select(bytes, start, end);
    if (stream === 0) return false;
    const isLineEnd = bytes[start + TAG_AT] === FULL || (this.#met & stream) === 0;
    this.#met |= stream;
    if (!isLineEnd) return false;
    if (this.#missing === 0) return true;
    this.#missing -= 1;
    return false;
  }
}

/** @returns the offset behind the first record, from the end, that is not wanted. */
async function scanBackwards(handle: FileHandle, counter: LineCounter): Promise<number | undefined> {
  let { size: end } = await handle.stat();
  let blockBytes = FIRST_BLOCK_BYTES;
  while (end > 0) {
    const from = Math.max(0, end - blockBytes);
    const block = await readExactly(handle, from, end - from);
    const scanned = scanBlock(block, from === 0, counter);
    if (scanned.found !== undefined) return from + scanned.found;
    // Nothing whole in the block: the record is longer than it.
    if (scanned.rest === block.length && from > 0) blockBytes *= 2;
    else blockBytes = Math.max(blockBytes, BLOCK_BYTES);
    end = from + scanned.rest;
  }
  return undefined;
}

/** Goes through a block from its end. `rest`: what at its start belongs to a record that begins earlier. */
function scanBlock(
  block: Buffer,
  isFirst: boolean,
  counter: LineCounter,
): { readonly found?: number; readonly rest: number } {
  let end = block.length;
  while (end > 0) {
    const start = end === 1 ? 0 : block.lastIndexOf(NEWLINE, end - 2) + 1;
    if (start === 0 && !isFirst) return { rest: end };
    if (counter.isEnough(block, start, end)) return { found: end, rest: 0 };
    end = start;
  }
  return { rest: 0 };
}

async function readExactly(handle: FileHandle, from: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, from + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
