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

const SPACE = 0x20;
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
  const magic = block.toString('latin1', offset + 257, offset + 265);
  const isGnu = magic === 'ustar  \0';
  const isPosix = magic.startsWith('ustar\0');
  return {
    flag: block.toString('latin1', offset + 156, offset + 157),
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

function prefix(block: Buffer, offset: number): string {
  const isStar = block.toString('latin1', offset + 508, offset + 512) === 'tar\0';
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
  const first = block[offset] ?? 0;
  if (first >= 0x80) return binaryNumber(block, offset, length, field);
  const digits = block.toString('latin1', offset, offset + length).replace(/^[ \0]+|[ \0]+$/g, '');
  if (digits === '') return 0;
  // What follows a NUL inside the field is old garbage, which Go and GNU tar skip too.
  const [octal = ''] = digits.split('\0', 1);
  if (!/^[0-7]+$/.test(octal)) throw tarError(`${field} is not a number`);
  return Number.parseInt(octal, 8);
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
  const digits = block.toString(
    'latin1',
    offset + CHECKSUM_OFFSET,
    offset + CHECKSUM_OFFSET + CHECKSUM_LENGTH,
  );
  const [, octal] = /^[ \0]*([0-7]+)(?:[ \0]|$)/.exec(digits) ?? [];
  if (octal === undefined) return false;
  const expected = Number.parseInt(octal, 8);
  let sum = CHECKSUM_LENGTH * SPACE;
  let negative = 0;
  for (let index = 0; index < BLOCK_SIZE; index += 1) {
    if (index >= CHECKSUM_OFFSET && index < CHECKSUM_OFFSET + CHECKSUM_LENGTH) continue;
    const byte = block[offset + index] ?? 0;
    sum += byte;
    if (byte >= 0x80) negative += 0x100;
  }
  return expected === sum || expected === sum - negative;
}
