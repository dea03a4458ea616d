import { EngineError } from '#base/errors';
import type { ErofsType } from './erofs-format.ts';

/** Prefixes have numbers (fs/erofs/erofs_fs.h); the two lists of access have no name but that. */
const PREFIXES: readonly (readonly [prefix: string, index: number])[] = [
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
];
const ACLS: ReadonlyMap<string, number> = new Map([
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
]);

const HEADER_BYTES = 12;
const ENTRY_BYTES = 4;
/** XATTR_NAME_MAX of linux/limits.h, with the prefix */
const MAX_NAME = 255;
/** the field has 16 bits */
const MAX_VALUE = 0xffff;
const MAX_BODY = HEADER_BYTES + 4 * 0xfffe;

/**
 * What a file system would keep of an archive's attributes: nothing that steers overlayfs, nothing of name spaces that nobody
 * knows, and those of users on files and directories only (xattr(7)).
 */
export function keepsXattr(name: string, type: ErofsType): boolean {
  if (name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')) return false;
  if (name.startsWith('user.')) return type === 'file' || type === 'directory';
  if (ACLS.has(name)) return type !== 'symlink' && (type === 'directory' || ACLS.get(name) === 2);
  return PREFIXES.some(([prefix]) => name.startsWith(prefix));
}

/** The attributes of one inode as they follow it. @throws {EngineError} `invalid`. */
export function encodeXattrs(xattrs: ReadonlyMap<string, Buffer>): Buffer {
  const parts: Buffer[] = [Buffer.alloc(HEADER_BYTES)];
  let total = HEADER_BYTES;
  for (const [name, value] of xattrs) {
    const entry = encodeXattr(name, value);
    total += entry.length;
    if (total > MAX_BODY) throw new EngineError('invalid', 'a file has too many attributes');
    parts.push(entry);
  }
  return Buffer.concat(parts);
}

function encodeXattr(name: string, value: Buffer): Buffer {
  const { index, suffix } = split(name);
  if (value.length > MAX_VALUE || Buffer.byteLength(name) > MAX_NAME) {
    throw new EngineError('invalid', `the attribute ${name.slice(0, MAX_NAME)} is too large`);
  }
  const size = ENTRY_BYTES + suffix.length + value.length;
  const bytes = Buffer.alloc(Math.ceil(size / 4) * 4);
  bytes.writeUInt8(suffix.length, 0);
  bytes.writeUInt8(index, 1);
  bytes.writeUInt16LE(value.length, 2);
  suffix.copy(bytes, ENTRY_BYTES);
  value.copy(bytes, ENTRY_BYTES + suffix.length);
  return bytes;
}

function split(name: string): { readonly index: number; readonly suffix: Buffer } {
  const acl = ACLS.get(name);
  if (acl !== undefined) return { index: acl, suffix: Buffer.alloc(0) };
  const [prefix, index] = PREFIXES.find(([start]) => name.startsWith(start)) ?? ['', 0];
  const suffix = Buffer.from(name.slice(prefix.length));
  if (index === 0 || suffix.length === 0 || suffix.includes(0)) {
    throw new EngineError('invalid', `"${name}" is no name of an attribute`);
  }
  return { index, suffix };
}
