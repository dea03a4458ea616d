import { tarError } from './tar-error.ts';

/** What a PAX header (POSIX.1-2001, type `x`) says about the entry after it. Absent: the entry's own header counts. */
export interface PaxFields {
  path?: string;
  linkPath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtimeSeconds?: number;
  mtimeNanos?: number;
  xattrs?: Map<string, Buffer>;
  /** `GNU.sparse.*` records by their last part */
  sparse?: Map<string, string>;
}

const XATTR_PREFIX = 'SCHILY.xattr.';
const SPARSE_PREFIX = 'GNU.sparse.';
const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/**
 * Parses the records `"<length> <key>=<value>\n"`. Unknown keys are ignored, an empty value takes a record back,
 * and the last of equal keys counts (as in Go's archive/tar, which Docker reads with).
 *
 * @throws {EngineError} `invalid` for anything malformed.
 */
export function parsePax(body: Buffer): PaxFields {
  const fields: PaxFields = {};
  for (let offset = 0; offset < body.length; ) {
    const end = offset + recordLength(body, offset);
    const space = body.indexOf(SPACE, offset);
    const equals = body.indexOf(EQUALS, space);
    if (end > body.length || body[end - 1] !== NEWLINE || equals <= space + 1 || equals >= end) {
      throw tarError('malformed PAX record');
    }
    const key = body.toString('utf8', space + 1, equals);
    if (key.includes('\0')) throw tarError('malformed PAX record'); // C would read a shorter one
    apply(fields, key, body.subarray(equals + 1, end - 1));
    offset = end;
  }
  return fields;
}

function recordLength(body: Buffer, offset: number): number {
  let length = 0;
  let index = offset;
  for (; index < offset + 8 && body[index] !== SPACE; index += 1) {
    const digit = (body[index] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) throw tarError('malformed PAX record');
    length = length * 10 + digit;
  }
  if (body[index] !== SPACE || length <= index - offset + 1) throw tarError('malformed PAX record');
  return length;
}

function apply(fields: PaxFields, key: string, value: Buffer): void {
  if (key.startsWith(XATTR_PREFIX)) {
    fields.xattrs ??= new Map();
    fields.xattrs.set(key.slice(XATTR_PREFIX.length), copyOf(value));
    return;
  }
  if (key.startsWith(SPARSE_PREFIX)) {
    fields.sparse ??= new Map();
    fields.sparse.set(key.slice(SPARSE_PREFIX.length), value.toString('latin1'));
    return;
  }
  switch (key) {
    case 'path':
      return set(fields, 'path', name(value));
    case 'linkpath':
      return set(fields, 'linkPath', name(value));
    case 'size':
    case 'uid':
    case 'gid':
      return set(fields, key, whole(value, key));
    case 'mtime':
      return applyTime(fields, value.toString('latin1'));
    default:
      return;
  }
}

/** With memory of its own: a piece of a shared one would keep all of that for as long as the entry is known. */
function copyOf(value: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(value.length);
  value.copy(copy);
  return copy;
}

function set<K extends keyof PaxFields>(fields: PaxFields, key: K, value: PaxFields[K] | undefined): void {
  if (value === undefined) delete fields[key];
  else fields[key] = value;
}

function name(value: Buffer): string | undefined {
  if (value.includes(0)) throw tarError('a name contains NUL');
  return value.length === 0 ? undefined : value.toString('latin1');
}

function whole(value: Buffer, key: string): number | undefined {
  if (value.length === 0) return undefined;
  const digits = value.toString('latin1');
  const result = Number(digits);
  if (!/^[0-9]{1,16}$/.test(digits) || !Number.isSafeInteger(result))
    throw tarError(`PAX ${key} is not a number`);
  return result;
}

function applyTime(fields: PaxFields, value: string): void {
  if (value === '') {
    delete fields.mtimeSeconds;
    delete fields.mtimeNanos;
    return;
  }
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (!match) throw tarError('PAX mtime is not a number');
  const [, sign, seconds, fraction = ''] = match;
  const nanos = Number(fraction.slice(0, 9).padEnd(9, '0'));
  const whole = Number(seconds);
  // Time counts upwards from whole seconds: -1.25 is 0.75 s after -2.
  fields.mtimeSeconds = sign === '' ? whole : -whole - (nanos > 0 ? 1 : 0);
  fields.mtimeNanos = sign === '' || nanos === 0 ? nanos : 1_000_000_000 - nanos;
}
