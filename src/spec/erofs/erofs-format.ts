/**
 * The on-disk format of EROFS, as far as we write it: fs/erofs/erofs_fs.h and Documentation/filesystems/erofs.rst of
 * Linux. Everything is little-endian. Only extended inodes are used: the compact ones had no time of their own before 6.15.
 */

/** As in a tar, so that the contents of its files begin at block boundaries. */
export const EROFS_BLOCK = 512;
const BLOCK_BITS = 9;

/** Places are counted in blocks, with 32 bits. */
export const EROFS_MAX_BLOCKS = 0xffff_fffe;
/** Inodes are numbered by their place, in units of this. */
export const EROFS_SLOT = 32;
export const EROFS_INODE_BYTES = 64;

const SUPER_OFFSET = 1024;
const DEVICE_OFFSET = 1152;
/** Where the first inode is: it follows the block with the superblock and the table of devices. */
export const EROFS_META_OFFSET = 1536;

const MAGIC = 0xe0f5_e1e2;
const INCOMPAT_DEVICE_TABLE = 0x8;
const DEVICE_SLOT_BYTES = 128;

const FLAT_PLAIN = 0;
const FLAT_INLINE = 2;
const EXTENDED = 1;

export type ErofsType = 'file' | 'directory' | 'symlink' | 'fifo' | 'character' | 'block';

/** File types in modes (sys/stat.h) and in directories (include/linux/fs_types.h). */
const TYPES: Readonly<Record<ErofsType, readonly [mode: number, entry: number]>> = {
  file: [0o100000, 1],
  directory: [0o040000, 2],
  character: [0o020000, 3],
  block: [0o060000, 4],
  fifo: [0o010000, 5],
  symlink: [0o120000, 7],
};

export interface Superblock {
  /** 16 bytes; overlayfs tells layers apart by it */
  readonly uuid: Buffer;
  readonly inodes: number;
  /** of the index itself */
  readonly blocks: number;
  readonly rootOffset: number;
  /** the file with the contents, addressed after the blocks of the index */
  readonly device: { readonly blocks: number; readonly firstBlock: number };
}

/** Everything before the first inode. */
export function encodeSuperblock({ uuid, inodes, blocks, rootOffset, device }: Superblock): Buffer {
  const bytes = Buffer.alloc(EROFS_META_OFFSET);
  const at = SUPER_OFFSET;
  bytes.writeUInt32LE(MAGIC, at);
  bytes.writeUInt8(BLOCK_BITS, at + 12);
  bytes.writeUInt16LE(rootOffset / EROFS_SLOT, at + 14);
  writeUInt64(bytes, inodes, at + 16);
  bytes.writeUInt32LE(blocks, at + 36);
  uuid.copy(bytes, at + 48, 0, 16);
  bytes.writeUInt32LE(INCOMPAT_DEVICE_TABLE, at + 80);
  bytes.writeUInt16LE(1, at + 86); // extra devices
  bytes.writeUInt16LE(DEVICE_OFFSET / DEVICE_SLOT_BYTES, at + 88);
  bytes.write('layer.tar', DEVICE_OFFSET, 'latin1'); // what the device is, when the mount does not say where
  bytes.writeUInt32LE(device.blocks, DEVICE_OFFSET + 64);
  bytes.writeUInt32LE(device.firstBlock, DEVICE_OFFSET + 68);
  return bytes;
}

export interface InodeAttributes {
  /** 0 to 0o7777 */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
}

export interface Inode extends InodeAttributes {
  readonly type: ErofsType;
  readonly number: number;
  readonly links: number;
  readonly size: number;
  /** bytes of the attributes that follow: see `encodeXattrs` */
  readonly xattrBytes: number;
  /** the content follows the inode; otherwise it begins at this block, or this is the number of the device */
  readonly content: 'inline' | number;
}

/** Writes {@link EROFS_INODE_BYTES} at `offset`, where all is zero. */
export function encodeInode(bytes: Buffer, offset: number, inode: Inode): void {
  const layout = inode.content === 'inline' ? FLAT_INLINE : FLAT_PLAIN;
  bytes.writeUInt16LE(EXTENDED | (layout << 1), offset);
  bytes.writeUInt16LE(xattrCount(inode.xattrBytes), offset + 2);
  writeUInt64(bytes, inode.size, offset + 8);
  bytes.writeUInt32LE(inode.content === 'inline' ? 0 : inode.content, offset + 16);
  bytes.writeUInt32LE(inode.number, offset + 20);
  bytes.writeUInt32LE(inode.links, offset + 44);
  encodeAttributes(bytes, offset, inode.type, inode);
}

/** What can still change after the index was written: see `ErofsIndex.implicit`. */
export function encodeAttributes(
  bytes: Buffer,
  offset: number,
  type: ErofsType,
  { mode, uid, gid, mtimeSeconds, mtimeNanos }: InodeAttributes,
): void {
  bytes.writeUInt16LE(TYPES[type][0] | mode, offset + 4);
  bytes.writeUInt32LE(uid, offset + 24);
  bytes.writeUInt32LE(gid, offset + 28);
  writeInt64(bytes, mtimeSeconds, offset + 32);
  bytes.writeUInt32LE(mtimeNanos, offset + 40);
}

/** `new_encode_dev` of include/linux/kdev_t.h. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** Attributes are counted in units of 4 bytes; their header has 12, and counts as one. */
function xattrCount(bytes: number): number {
  return bytes === 0 ? 0 : (bytes - 12) / 4 + 1;
}

export const DIRENT_BYTES = 12;

/** One entry of a directory block; its name is elsewhere in the block. */
export function encodeDirent(
  bytes: Buffer,
  offset: number,
  entry: { readonly inodeOffset: number; readonly type: ErofsType },
  nameOffset: number,
): void {
  writeUInt64(bytes, entry.inodeOffset / EROFS_SLOT, offset);
  bytes.writeUInt16LE(nameOffset, offset + 8);
  bytes.writeUInt8(TYPES[entry.type][1], offset + 10);
}

function writeUInt64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(value % 2 ** 32, offset);
  bytes.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4);
}

function writeInt64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(((value % 2 ** 32) + 2 ** 32) % 2 ** 32, offset);
  bytes.writeInt32LE(Math.floor(value / 2 ** 32), offset + 4);
}
