import { EngineError } from '#base/errors';
import { latin1 } from '../tar/byte-string.ts';
import { type DirectoryEntry, directorySize, encodeDirectory } from './directory-blocks.ts';
import {
  EROFS_BLOCK,
  EROFS_INODE_BYTES,
  EROFS_MAX_BLOCKS,
  EROFS_META_OFFSET,
  EROFS_SLOT,
  encodeDevice,
  encodeInode,
  encodeSuperblock,
} from './erofs-format.ts';
import { LayerDirectory, type LayerNode, pathOf } from './layer-node.ts';
import { encodeXattrs } from './xattr-body.ts';

export interface ErofsOptions {
  /** bytes of the file that the contents are in, the second device of the mount */
  readonly tarBytes: number;
  /** 16 bytes that no other index has */
  readonly uuid: Buffer;
  /** seconds since 1970: the time of directories that were not described */
  readonly now: number;
  /** Takes the bytes of the index in order. They are valid during the call. */
  readonly write: (bytes: Buffer) => void;
}

export interface ErofsIndex {
  /** Size of the index file; beyond what was written it is to be a hole. */
  readonly bytes: number;
  /** Pieces of sparse files, which have to lie in the index with their holes. */
  readonly copies: readonly { readonly from: number; readonly to: number; readonly length: number }[];
  /** without the root */
  readonly inodes: number;
  /** content of all files, those with several names counted once */
  readonly contentBytes: number;
  /** Directories that were not described: their path, and where their inode is (see `encodeAttributes`). */
  readonly implicit: readonly { readonly path: string; readonly inodeOffset: number }[];
}

interface Placed {
  readonly node: LayerNode;
  readonly offset: number;
  readonly xattrs: Buffer | undefined;
  readonly number: number;
  links: number;
  /** first block of the content, where it is not in the tar */
  block: number;
  /** of a directory */
  entries: readonly string[];
  size: number;
}

const OPAQUE_XATTR = 'trusted.overlay.opaque';
const CHUNK_BYTES = 1024 * 1024;
/** 16 bits of slots */
const MAX_ROOT_OFFSET = 0xffff * EROFS_SLOT;

/**
 * Writes an EROFS file system of a layer whose files have their contents in its tar: the index holds names and attributes only.
 * Mount: `-t erofs -o device=<tar> <index>`.
 *
 *   0      superblock, the table with the tar as second device
 *   1536   inodes, each followed by its attributes, links by their target
 *   …      blocks of directories, and targets of links that are longer than a block
 *   …      contents of sparse files, with holes
 *   …      (addresses of the tar)
 *
 * @throws {EngineError} `invalid` for what the format cannot hold.
 */
export function writeErofs(root: LayerDirectory, { tarBytes, uuid, now, write }: ErofsOptions): ErofsIndex {
  const placed = placeInodes(root);
  const copies: { from: number; to: number; length: number }[] = [];
  let end = alignBlock(placed.end);
  for (const place of placed.all) {
    if (!hasBlocks(place.node)) continue;
    place.block = end / EROFS_BLOCK;
    end = alignBlock(end + place.size);
  }
  const metaEnd = end;
  for (const place of placed.all) {
    if (!place.node.sparse) continue;
    place.block = end / EROFS_BLOCK;
    copies.push(...pieces(place.node, end));
    end = alignBlock(end + place.size);
  }
  const blocks = end / EROFS_BLOCK;
  const tarBlocks = Math.ceil(tarBytes / EROFS_BLOCK);
  if (blocks + tarBlocks > EROFS_MAX_BLOCKS) throw new EngineError('invalid', 'the layer is too large');
  const out = new Chunks(write);
  out.add(
    encodeSuperblock({
      uuid,
      inodes: placed.all.length,
      blocks,
      rootOffset: EROFS_META_OFFSET,
      device: { blocks: tarBlocks, firstBlock: blocks },
    }),
  );
  for (const place of placed.all) writeInode(out, place, { tarBlock: blocks, now });
  out.fillTo(alignBlock(placed.end));
  for (const place of placed.all) {
    if (hasBlocks(place.node)) writeBlocks(out, place, placed.byNode);
  }
  out.fillTo(metaEnd);
  out.flush();
  const implicit = placed.all.flatMap(({ node, offset }) =>
    node instanceof LayerDirectory && node.isImplicit ? [{ path: pathOf(node), inodeOffset: offset }] : [],
  );
  const contentBytes = placed.all.reduce((sum, { node }) => sum + (node.type === 'file' ? node.size : 0), 0);
  return { bytes: end, copies, implicit, inodes: placed.all.length - 1, contentBytes };
}

interface Placement {
  readonly all: readonly Placed[];
  readonly byNode: ReadonlyMap<LayerNode, Placed>;
  /** bytes up to the end of the last inode */
  readonly end: number;
}

/** Gives every inode its place, directories before what is in them. Not by recursion: an archive decides about the depth. */
function placeInodes(root: LayerDirectory): Placement {
  const all: Placed[] = [];
  const byNode = new Map<LayerNode, Placed>();
  let end = EROFS_META_OFFSET;
  const place = (node: LayerNode): Placed => {
    const placed = newPlace(node, end, all.length + 1);
    end = placed.offset + inodeBytes(placed);
    all.push(placed);
    byNode.set(node, placed);
    return placed;
  };
  const pending: LayerDirectory[] = [root];
  place(root);
  for (let directory = pending.pop(); directory; directory = pending.pop()) {
    const own = byNode.get(directory);
    if (!own) throw new TypeError('was placed before its content');
    own.entries = ['.', '..', ...directory.children.keys()].sort(byBytes);
    own.size = directorySize(own.entries);
    own.links = 2;
    for (const node of directory.children.values()) {
      if (node instanceof LayerDirectory) {
        own.links += 1;
        pending.push(node);
      }
      const placed = byNode.get(node) ?? place(node);
      placed.links += 1;
    }
  }
  if ((all[0]?.offset ?? 0) > MAX_ROOT_OFFSET) throw new TypeError('the root comes first');
  return { all, byNode, end };
}

function newPlace(node: LayerNode, end: number, number: number): Placed {
  const attributes =
    node instanceof LayerDirectory && node.isOpaque
      ? new Map([...node.xattrs, [OPAQUE_XATTR, Buffer.from('y')]])
      : node.xattrs;
  const xattrs = attributes.size > 0 ? encodeXattrs(attributes) : undefined;
  const size = node.type === 'symlink' ? node.target.length : node.size;
  const place = { node, offset: end, xattrs, number, links: 0, block: 0, entries: [], size };
  const offset = alignedOffset(place, Math.ceil(end / EROFS_SLOT) * EROFS_SLOT);
  return { ...place, offset };
}

/** A content that follows its inode must not cross a block. */
function alignedOffset(place: Placed, offset: number): number {
  if (!isInline(place.node)) return offset;
  const head = EROFS_INODE_BYTES + (place.xattrs?.length ?? 0);
  const content = (offset + head) % EROFS_BLOCK;
  if (content + place.size <= EROFS_BLOCK) return offset;
  return Math.ceil((offset + EROFS_BLOCK - content) / EROFS_SLOT) * EROFS_SLOT;
}

function inodeBytes({ node, xattrs, size }: Placed): number {
  return EROFS_INODE_BYTES + (xattrs?.length ?? 0) + (isInline(node) ? size : 0);
}

interface Defaults {
  readonly tarBlock: number;
  readonly now: number;
}

function writeInode(out: Chunks, place: Placed, { tarBlock, now }: Defaults): void {
  const { node, xattrs, size, number, links } = place;
  out.fillTo(place.offset);
  const [bytes, offset] = out.reserve(EROFS_INODE_BYTES);
  encodeInode(bytes, offset, {
    type: node.type,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    mtimeSeconds: node instanceof LayerDirectory && node.isImplicit ? now : node.mtimeSeconds,
    mtimeNanos: node.mtimeNanos,
    number: number % 2 ** 32,
    links,
    size: hasContent(node) ? size : 0,
    xattrBytes: xattrs?.length ?? 0,
    content: contentOf(place, tarBlock),
  });
  if (xattrs) out.add(xattrs);
  if (isInline(node)) out.add(latin1(node.target));
}

/** Whether its content follows its inode: a target that fits into a block. */
function isInline(node: LayerNode): boolean {
  return node.type === 'symlink' && node.target.length <= EROFS_BLOCK;
}

/** Whether its content has blocks of the index. */
function hasBlocks(node: LayerNode): boolean {
  return node.type === 'directory' || (node.type === 'symlink' && !isInline(node));
}

function hasContent(node: LayerNode): boolean {
  return node.type === 'file' || node.type === 'directory' || node.type === 'symlink';
}

function contentOf({ node, block }: Placed, tarBlock: number): 'inline' | number {
  switch (node.type) {
    case 'symlink':
      return isInline(node) ? 'inline' : block;
    case 'directory':
      return block;
    case 'character':
    case 'block':
      return encodeDevice(node.deviceMajor, node.deviceMinor);
    case 'fifo':
      return 0;
    case 'file':
      if (node.sparse) return block;
      return node.size === 0 ? 0 : tarBlock + node.contentOffset / EROFS_BLOCK;
  }
}

function writeBlocks(out: Chunks, place: Placed, byNode: ReadonlyMap<LayerNode, Placed>): void {
  out.fillTo(place.block * EROFS_BLOCK);
  if (place.node instanceof LayerDirectory) writeDirectory(out, place, place.node, byNode);
  else out.add(latin1(place.node.target));
}

function writeDirectory(
  out: Chunks,
  place: Placed,
  directory: LayerDirectory,
  byNode: ReadonlyMap<LayerNode, Placed>,
): void {
  const offsetOf = (node: LayerNode): number => byNode.get(node)?.offset ?? 0;
  const entries = place.entries.map((name): DirectoryEntry => {
    if (name === '.') return { name, type: 'directory', inodeOffset: place.offset };
    if (name === '..')
      return { name, type: 'directory', inodeOffset: offsetOf(directory.parent ?? directory) };
    const node = directory.children.get(name);
    if (!node) throw new TypeError('names come from the children');
    return { name, type: node.type, inodeOffset: offsetOf(node) };
  });
  const size = alignBlock(place.size);
  const [bytes, offset] = out.reserve(size);
  encodeDirectory(bytes, offset, entries);
}

/** The stored pieces of a sparse file lie one after the other in the tar. */
function pieces(
  { sparse, contentOffset }: LayerNode,
  base: number,
): { from: number; to: number; length: number }[] {
  let from = contentOffset;
  return (sparse?.segments ?? []).map(({ offset, length }) => {
    const piece = { from, to: base + offset, length };
    from += length;
    return piece;
  });
}

function alignBlock(offset: number): number {
  return Math.ceil(offset / EROFS_BLOCK) * EROFS_BLOCK;
}

/** Names are byte strings: one character is one byte. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** Puts what is written together, zeros in between. */
class Chunks {
  readonly #write: (bytes: Buffer) => void;
  #buffer = Buffer.alloc(CHUNK_BYTES);
  #fill = 0;
  #flushed = 0;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  add(bytes: Buffer): void {
    const [buffer, offset] = this.reserve(bytes.length);
    bytes.copy(buffer, offset);
  }

  fillTo(position: number): void {
    const missing = position - this.#flushed - this.#fill;
    if (missing < 0) throw new TypeError('written beyond its place');
    if (missing > 0) this.reserve(missing);
  }

  /** Room for `length` bytes, all zero. */
  reserve(length: number): readonly [buffer: Buffer, offset: number] {
    if (this.#fill + length > this.#buffer.length) {
      this.flush();
      if (length > this.#buffer.length) this.#buffer = Buffer.alloc(length);
    }
    const offset = this.#fill;
    this.#fill += length;
    return [this.#buffer, offset];
  }

  flush(): void {
    if (this.#fill === 0) return;
    this.#write(this.#buffer.subarray(0, this.#fill));
    this.#buffer.fill(0, 0, this.#fill);
    this.#flushed += this.#fill;
    this.#fill = 0;
  }
}
