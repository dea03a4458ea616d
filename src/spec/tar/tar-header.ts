import { BLOCK_SIZE } from './tar-entry.ts';
import { tarError } from './tar-error.ts';

/** The fields of one header block, before PAX and GNU extensions are applied. */
export interface RawHeader {
  readonly flag: string;
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly linkPath: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

const GNU_MAGIC = Buffer.from('ustar  \0');
const POSIX_MAGIC = Buffer.from('ustar\0');
const STAR_MAGIC = Buffer.from('tar\0');
const SPACE = 0x20;
const DIGIT_0 = 0x30;
const CHECKSUM_OFFSET = 148;
const CHECKSUM_LENGTH = 8;

/**
 * Decodes the header block at `offset`: Unix V7, POSIX ustar, star, and GNU tar.
 *
 * The checksum is the caller's to verify.
 *
 * @throws {EngineError} `invalid` for a number that is none.
 */
export function parseHeader(block: Buffer, offset: number): RawHeader {
  const isGnu = isAt(block, offset + 257, GNU_MAGIC);
  const isPosix = isAt(block, offset + 257, POSIX_MAGIC);
  return {
    flag: String.fromCharCode(block[offset + 156] ?? 0),
    path: (isPosix ? prefix(block, offset) : '') + text(block, offset, 100),
    mode: parseNumber(block, offset + 100, 8, 'mode') & 0o7777,
    uid: parseNumber(block, offset + 108, 8, 'uid'),
    gid: parseNumber(block, offset + 116, 8, 'gid'),
    size: parseNumber(block, offset + 124, 12, 'size'),
    mtimeSeconds: parseNumber(block, offset + 136, 12, 'mtime'),
    linkPath: text(block, offset + 157, 100),
    deviceMajor: isGnu || isPosix ? parseNumber(block, offset + 329, 8, 'devmajor') : 0,
    deviceMinor: isGnu || isPosix ? parseNumber(block, offset + 337, 8, 'devminor') : 0,
  };
}

/** Whether the block at `offset` has only zeros: two of them end an archive. */
export function isZeroBlock(block: Buffer, offset: number): boolean {
  for (let index = offset; index < offset + BLOCK_SIZE; index += 1) {
    if (block[index] !== 0) return false;
  }
  return true;
}

function isAt(block: Buffer, offset: number, bytes: Buffer): boolean {
  return bytes.every((byte, index) => block[offset + index] === byte);
}

function prefix(block: Buffer, offset: number): string {
  const isStar = isAt(block, offset + 508, STAR_MAGIC);
  const value = text(block, offset + 345, isStar ? 131 : 155);
  return value === '' ? '' : `${value}/`;
}

/** A field ends at its first NUL, or fills its place. */
function text(block: Buffer, offset: number, length: number): string {
  if (block[offset] === 0) return '';
  const end = block.indexOf(0, offset);
  return block.toString('latin1', offset, end < 0 || end > offset + length ? offset + length : end);
}

/**
 * Octal digits between spaces and NULs; or, with the top bit set, a big-endian two's complement number (GNU, star).
 */
export function parseNumber(block: Buffer, offset: number, length: number, field: string): number {
  if ((block[offset] ?? 0) >= 0x80) return binaryNumber(block, offset, length, field);
  const end = offset + length;
  const start = skipBlank(block, offset, end);
  const digitsEnd = skipDigits(block, start, end);
  // What follows a NUL inside the field is old garbage, which Go and GNU tar skip too.
  const isWhole = block[digitsEnd] === 0 || skipBlank(block, digitsEnd, end) === end;
  if (!isWhole || (digitsEnd === start && start < end)) throw tarError(`${field} is not a number`);
  return octal(block, start, digitsEnd);
}

function skipBlank(block: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && isBlank(block[at])) at += 1;
  return at;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0;
}

function skipDigits(block: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && ((block[at] ?? 0) & 0xf8) === DIGIT_0) at += 1;
  return at;
}

function octal(block: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) value = value * 8 + (block[at] ?? 0) - DIGIT_0;
  return value;
}

function binaryNumber(block: Buffer, offset: number, length: number, field: string): number {
  const bytes = Buffer.from(block.subarray(offset, offset + length));
  const isNegative = ((bytes[0] ?? 0) & 0x40) !== 0;
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | (isNegative ? 0xc0 : 0);
  const value = BigInt.asIntN(length * 8, BigInt(`0x${bytes.toString('hex')}`));
  if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
    throw tarError(`${field} is out of range`);
  }
  return Number(value);
}

/** Old tars summed signed characters; both sums are accepted, as everyone does. */
export function hasValidChecksum(block: Buffer, offset: number): boolean {
  const field = offset + CHECKSUM_OFFSET;
  const fieldEnd = field + CHECKSUM_LENGTH;
  const start = skipBlank(block, field, fieldEnd);
  const end = skipDigits(block, start, fieldEnd);
  if (end === start || (end < fieldEnd && !isBlank(block[end]))) return false;
  const expected = octal(block, start, end);
  let sum = CHECKSUM_LENGTH * SPACE;
  let negative = 0;
  for (let at = offset; at < offset + BLOCK_SIZE; at += 1) {
    const byte = block[at] ?? 0;
    sum += byte;
    negative += byte >> 7;
  }
  for (let at = field; at < fieldEnd; at += 1) {
    const byte = block[at] ?? 0;
    sum -= byte;
    negative -= byte >> 7;
  }
  return expected === sum || expected === sum - negative * 0x100;
}
