import { EngineError } from '#base/errors';

/** Reads and changes bytes of a file system image by their place. */
export interface ImageBytes {
  /** as many as there are, at most `length` */
  read(offset: number, length: number): Buffer;
  write(offset: number, bytes: Buffer): void;
}

/** Who sees which directories are opaque: whoever has power over the host, or everybody who may read them. */
export type OpaqueMarks = 'trusted' | 'user';

/** fs/erofs/erofs_fs.h: numbers of the prefixes of attributes, and what follows either for overlayfs */
const PREFIX: Readonly<Record<OpaqueMarks, number>> = { trusted: 4, user: 1 };
const SUFFIX = Buffer.from('overlay.opaque');

const SUPER_OFFSET = 1024;
const SUPER_BYTES = 128;
const MAGIC = 0xe0f5_e1e2;
const SLOT = 32;
/** Checksum of the superblock, and what tells by a number which names a file has not. The kernel does without. */
const COMPAT_CHECKSUM = 1;
const COMPAT_NAME_FILTER = 4;
/** Compression, big clusters, chunks, devices, packed tails, fragments: nothing that moves inodes or names. */
const KNOWN_INCOMPAT = 0x3f;
const XATTR_HEADER_BYTES = 12;
const XATTR_ENTRY_BYTES = 4;
const DIRENT_BYTES = 12;
const DIRECTORY_TYPE = 2;
const PLAIN = 0;
const INLINE = 2;
const MAX_DIRECTORY_BYTES = 1024 ** 3;

/**
 * Renames the attribute that makes directories opaque, in an image of EROFS: byte for byte where it is. The image may be anything: what is
 * not understood is refused, and nothing outside its directories' attributes and the superblock is ever written.
 *
 * @returns how many directories have it.
 * @throws {EngineError} `invalid`.
 */
export function renameOpaqueMarks(
  image: ImageBytes,
  { from, to }: { readonly from: OpaqueMarks; readonly to: OpaqueMarks },
): number {
  const layout = readSuperblock(image);
  const seen = new Set<number>([layout.root]);
  let marked = 0;
  for (const nid of seen) {
    const directory = readDirectoryInode(image, layout, nid);
    const places = markPlaces(image, layout, directory, [PREFIX[from], PREFIX[to]]);
    for (const place of places) image.write(place + 1, Buffer.from([PREFIX[to]]));
    if (places.length > 0) marked += 1;
    for (const child of childDirectories(image, layout, directory)) seen.add(child); // also `.` and `..`, which are known
    if (seen.size > layout.inodes) throw strange('it has more directories than files');
  }
  return marked;
}

interface Layout {
  readonly blockBytes: number;
  readonly metaOffset: number;
  readonly xattrOffset: number;
  readonly root: number;
  readonly inodes: number;
}

function readSuperblock(image: ImageBytes): Layout {
  const bytes = exactly(image, SUPER_OFFSET, SUPER_BYTES);
  if (bytes.readUInt32LE(0) !== MAGIC) throw strange('it is something else');
  const bits = bytes.readUInt8(12);
  if (bits < 9 || bits > 16) throw strange('its blocks have an odd size');
  if ((bytes.readUInt32LE(80) & ~KNOWN_INCOMPAT) !== 0) throw strange('it has features that nobody knows');
  const compat = Buffer.alloc(4);
  compat.writeUInt32LE((bytes.readUInt32LE(8) & ~(COMPAT_CHECKSUM | COMPAT_NAME_FILTER)) >>> 0);
  image.write(SUPER_OFFSET + 8, compat);
  return {
    blockBytes: 2 ** bits,
    metaOffset: bytes.readUInt32LE(40) * 2 ** bits,
    xattrOffset: bytes.readUInt32LE(44) * 2 ** bits,
    root: bytes.readUInt16LE(14),
    inodes: Number(bytes.readBigUInt64LE(16)),
  };
}

interface DirectoryInode {
  readonly size: number;
  readonly isInline: boolean;
  /** where whole blocks begin */
  readonly contentOffset: number;
  readonly xattrOffset: number;
  readonly xattrBytes: number;
}

function readDirectoryInode(image: ImageBytes, layout: Layout, nid: number): DirectoryInode {
  const offset = layout.metaOffset + nid * SLOT;
  const head = exactly(image, offset, SLOT);
  const format = head.readUInt16LE(0);
  const isExtended = (format & 1) !== 0;
  const kind = (format >>> 1) & 7;
  const size = isExtended ? Number(head.readBigUInt64LE(8)) : head.readUInt32LE(8);
  if (kind !== PLAIN && kind !== INLINE) throw strange('a directory is compressed');
  if (size > MAX_DIRECTORY_BYTES) throw strange('a directory is too large');
  const count = head.readUInt16LE(2);
  return {
    size,
    isInline: kind === INLINE,
    contentOffset: head.readUInt32LE(16) * layout.blockBytes,
    xattrOffset: offset + (isExtended ? 2 * SLOT : SLOT),
    xattrBytes: count === 0 ? 0 : XATTR_HEADER_BYTES + 4 * (count - 1),
  };
}

/** Places of the entries with one of these prefixes: own ones, and those that several files share. */
function markPlaces(
  image: ImageBytes,
  layout: Layout,
  { xattrOffset, xattrBytes }: DirectoryInode,
  prefixes: readonly number[],
): number[] {
  if (xattrBytes === 0) return [];
  const body = exactly(image, xattrOffset, xattrBytes);
  const shared = body.readUInt8(4);
  const own = XATTR_HEADER_BYTES + 4 * shared;
  if (own > xattrBytes) throw strange('attributes lead out of where they are');
  const places: number[] = [];
  for (let index = 0; index < shared; index += 1) {
    const place = layout.xattrOffset + 4 * body.readUInt32LE(XATTR_HEADER_BYTES + 4 * index);
    if (isMark(exactly(image, place, XATTR_ENTRY_BYTES + SUFFIX.length), prefixes)) places.push(place);
  }
  for (let at = own; at + XATTR_ENTRY_BYTES <= xattrBytes; ) {
    if (isMark(body.subarray(at, at + XATTR_ENTRY_BYTES + SUFFIX.length), prefixes))
      places.push(xattrOffset + at);
    const length = XATTR_ENTRY_BYTES + body.readUInt8(at) + body.readUInt16LE(at + 2);
    at += Math.ceil(length / 4) * 4;
  }
  return places;
}

function isMark(entry: Buffer, prefixes: readonly number[]): boolean {
  return (
    entry.length === XATTR_ENTRY_BYTES + SUFFIX.length &&
    entry[0] === SUFFIX.length &&
    prefixes.includes(entry[1] ?? 0) &&
    entry.subarray(XATTR_ENTRY_BYTES).equals(SUFFIX)
  );
}

function* childDirectories(
  image: ImageBytes,
  { blockBytes }: Layout,
  directory: DirectoryInode,
): Generator<number> {
  const { size, isInline, contentOffset, xattrOffset, xattrBytes } = directory;
  const tail = isInline ? size % blockBytes || (size > 0 ? blockBytes : 0) : 0;
  for (let done = 0; done < size; done += blockBytes) {
    const isTail = isInline && done + tail >= size;
    const offset = isTail ? xattrOffset + xattrBytes : contentOffset + done;
    const block = exactly(image, offset, Math.min(blockBytes, size - done));
    const count = block.length < DIRENT_BYTES ? 0 : block.readUInt16LE(8) / DIRENT_BYTES;
    if (!Number.isInteger(count) || count * DIRENT_BYTES > block.length)
      throw strange('a directory is damaged');
    for (let at = 0; at < count * DIRENT_BYTES; at += DIRENT_BYTES) {
      if (block[at + 10] === DIRECTORY_TYPE) yield Number(block.readBigUInt64LE(at));
    }
  }
}

function exactly(image: ImageBytes, offset: number, length: number): Buffer {
  const bytes = Number.isSafeInteger(offset) ? image.read(offset, length) : Buffer.alloc(0);
  if (bytes.length !== length) throw strange('it leads out of itself');
  return bytes;
}

function strange(what: string): EngineError {
  return new EngineError('invalid', `the image of a file system is not understood: ${what}`);
}
