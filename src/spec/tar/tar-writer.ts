import { latin1 } from './byte-string.ts';
import { BLOCK_SIZE, type TarEntryType, TYPE_FLAGS } from './tar-entry.ts';

/** What a header says about one entry. Names are byte strings (see `byte-string.ts`). */
export interface TarEntryInit {
  readonly path: string;
  readonly type?: TarEntryType;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** bytes of content that follow; only files have any */
  readonly size?: number;
  /** seconds since 1970; a fraction needs a PAX record */
  readonly mtimeSeconds?: number;
  readonly linkPath?: string;
  readonly deviceMajor?: number;
  readonly deviceMinor?: number;
  readonly xattrs?: ReadonlyMap<string, Buffer>;
  /** further PAX records */
  readonly records?: ReadonlyMap<string, string>;
}

/** Two zero blocks: the end of an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK_SIZE);

/** Zeros that fill up the last block of a content of `size` bytes. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE);
}

/**
 * The header block of an entry (POSIX ustar), after a PAX header where ustar has no room for a value.
 * The content and {@link tarPadding} must follow.
 */
export function tarHeader(entry: TarEntryInit): Buffer {
  const records = paxRecords(entry);
  const header = ustarHeader(entry);
  if (records.length === 0) return header;
  const body = Buffer.concat(records);
  const paxHeader = ustarHeader({
    path: `PaxHeaders.0/${entry.path.slice(-80)}`,
    type: 'pax',
    size: body.length,
  });
  return Buffer.concat([paxHeader, body, tarPadding(body.length), header]);
}

/** A whole small entry: header, content and padding. */
export function tarEntry(entry: TarEntryInit, content: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([tarHeader({ ...entry, size: bytes.length }), bytes, tarPadding(bytes.length)]);
}

function paxRecords(entry: TarEntryInit): Buffer[] {
  const records: Buffer[] = [];
  if (entry.path.length > 100) records.push(paxRecord('path', latin1(entry.path)));
  if ((entry.linkPath ?? '').length > 100) records.push(paxRecord('linkpath', latin1(entry.linkPath ?? '')));
  if ((entry.size ?? 0) > MAX_SIZE) records.push(paxRecord('size', String(entry.size)));
  if ((entry.uid ?? 0) > MAX_ID) records.push(paxRecord('uid', String(entry.uid)));
  if ((entry.gid ?? 0) > MAX_ID) records.push(paxRecord('gid', String(entry.gid)));
  if (!isPlainTime(entry.mtimeSeconds ?? 0))
    records.push(paxRecord('mtime', decimalTime(entry.mtimeSeconds ?? 0)));
  for (const [name, value] of entry.xattrs ?? []) records.push(paxRecord(`SCHILY.xattr.${name}`, value));
  for (const [name, value] of entry.records ?? []) records.push(paxRecord(name, latin1(value)));
  return records;
}

/** Whole, and neither before 1970 nor after 2242, which octal digits have no room for. */
function isPlainTime(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_SIZE;
}

function decimalTime(seconds: number): string {
  const text = String(seconds);
  return text.includes('e') ? seconds.toFixed(9) : text;
}

const MAX_ID = 0o7777777;
const MAX_SIZE = 0o77777777777;

/** `"<length> <key>=<value>\n"`, where the length counts itself. */
function paxRecord(key: string, value: Buffer | string): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + String(rest.length).length;
  if (rest.length + String(length).length !== length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function ustarHeader(entry: TarEntryInit): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE);
  block.write(entry.path.slice(0, 100), 0, 'latin1');
  octal(block, 100, 8, (entry.mode ?? 0o644) & 0o7777);
  octal(block, 108, 8, (entry.uid ?? 0) > MAX_ID ? 0 : (entry.uid ?? 0));
  octal(block, 116, 8, (entry.gid ?? 0) > MAX_ID ? 0 : (entry.gid ?? 0));
  octal(block, 124, 12, (entry.size ?? 0) > MAX_SIZE ? 0 : (entry.size ?? 0));
  octal(block, 136, 12, Math.min(MAX_SIZE, Math.max(0, Math.floor(entry.mtimeSeconds ?? 0))));
  block.fill(' ', 148, 156);
  block.write(TYPE_FLAGS[entry.type ?? 'file'], 156, 'latin1');
  block.write((entry.linkPath ?? '').slice(0, 100), 157, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  octal(block, 329, 8, entry.deviceMajor ?? 0);
  octal(block, 337, 8, entry.deviceMinor ?? 0);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, offset: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
}
