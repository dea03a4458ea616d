import { randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  fdatasync,
  fsync,
  ftruncateSync,
  linkSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EngineError } from '#base/errors';
import { EROFS_BLOCK, encodeAttributes } from '#spec/erofs/erofs-format';
import { type ErofsIndex, writeErofs } from '#spec/erofs/erofs-writer';
import { LayerTree } from '#spec/erofs/layer-tree';
import { TarParser } from '#spec/tar/tar-parser';
import { lowerAttributes } from '#sys/adopt-attributes';
import { isErrno } from '#sys/sys-error';
import { ArchiveSource } from './archive-source.ts';
import { checkSpace, RESERVE_BYTES, SpaceCheck, withoutSpace } from './disk-space.ts';
import type { IndexInput, IndexResult, SealIndexInput } from './jail-jobs.ts';
import { LAYER_INDEX, LAYER_TAR } from './layer-files.ts';

const SYNC_BYTES = 32 * 1024 * 1024;
const COPY_BYTES = 1024 * 1024;

/**
 * Takes a layer in as its tar and an index of it, both on disk to stay when this ends: first the tar, then what points into it.
 * An archive that is not compressed is not copied but gets a second name.
 */
export async function indexLayer(
  {
    archive,
    directory,
    whiteouts = 'overlay',
    isTemporary = false,
    limits,
    reserveBytes = RESERVE_BYTES,
  }: IndexInput,
  shouldStop: () => boolean,
): Promise<IndexResult> {
  const tree = new LayerTree({ hasWhiteouts: whiteouts === 'overlay' });
  const parser = new TarParser(tree, limits);
  await using source = new ArchiveSource(archive, shouldStop);
  await using tar = new TarFile(join(directory, LAYER_TAR), reserveBytes);
  for await (const chunk of source.chunks()) {
    parser.write(chunk);
    if (source.compression !== 'none') tar.write(chunk);
  }
  parser.end();
  const { facts } = source;
  if (facts.compression === 'none') tar.adopt(archive.path, facts.tarBytes);
  await tar.finish(facts.tarBytes, { isTemporary });
  const { implicit, bytes, inodes, contentBytes } = writeIndex(directory, tree, {
    tarBytes: facts.tarBytes,
    tar: tar.fd,
    reserveBytes,
  });
  return {
    ...facts,
    sizeBytes: tree.sizeBytes,
    entries: tree.entries,
    topLevelNames: [...tree.topLevelNames],
    implicit,
    index: { bytes, inodes, contentBytes },
  };
}

/** Gives directories that the archive did not describe what they have in the layers below, and gets the index onto the disk. */
export async function sealIndex({ directory, parents, implicit }: SealIndexInput): Promise<void> {
  const found = lowerAttributes(
    parents,
    implicit.map(({ path }) => path),
  );
  const fd = openSync(join(directory, LAYER_INDEX), 'r+');
  try {
    const inode = Buffer.alloc(64);
    for (const { path, inodeOffset } of implicit) {
      const attributes = found.get(path);
      if (!attributes) continue;
      readSync(fd, inode, 0, inode.length, inodeOffset);
      encodeAttributes(inode, 0, 'directory', attributes);
      writeSync(fd, inode, 0, inode.length, inodeOffset);
    }
    await promisify(fdatasync)(fd);
  } finally {
    closeSync(fd);
  }
  await syncDirectory(directory);
}

function writeIndex(
  directory: string,
  tree: LayerTree,
  {
    tarBytes,
    tar,
    reserveBytes,
  }: { readonly tarBytes: number; readonly tar: number; readonly reserveBytes: number },
): ErofsIndex {
  const space = new SpaceCheck(() => checkSpace(directory, reserveBytes));
  const fd = openSync(join(directory, LAYER_INDEX), 'wx', 0o600);
  try {
    const index = writeErofs(tree.root, {
      tarBytes,
      uuid: randomBytes(16),
      now: Math.floor(Date.now() / 1000),
      write: bytes => {
        space.passed(bytes.length);
        writeAll(fd, bytes);
      },
    });
    ftruncateSync(fd, index.bytes);
    for (const copy of index.copies) {
      space.passed(copy.length);
      copyPiece(tar, fd, copy);
    }
    return index;
  } catch (error) {
    throw withoutSpace(error);
  } finally {
    closeSync(fd);
  }
}

/** The decompressed archive on its way to the disk, which works while more comes in. */
class TarFile implements AsyncDisposable {
  readonly #path: string;
  readonly #space: SpaceCheck;
  #fd: number | undefined;
  #syncing: Promise<void> | undefined;

  constructor(path: string, reserveBytes: number) {
    this.#path = path;
    this.#space = new SpaceCheck(() => this.#check(reserveBytes), { everyBytes: SYNC_BYTES });
  }

  get fd(): number {
    if (this.#fd === undefined) throw new TypeError('nothing was written');
    return this.#fd;
  }

  write(bytes: Buffer): void {
    this.#fd ??= openSync(this.#path, 'wx+', 0o600);
    this.#space.passed(bytes.length);
    try {
      writeAll(this.#fd, bytes);
    } catch (error) {
      throw withoutSpace(error);
    }
  }

  /** The file is this one, which nobody changes any more. */
  adopt(path: string, tarBytes: number): void {
    if (!linked(path, this.#path, tarBytes)) copyFileSync(path, this.#path);
    this.#fd = openSync(this.#path, 'r+');
  }

  /** The kernel reads whole blocks: a tar that ends without filling its last one (umoci makes them) is made to. */
  async finish(tarBytes: number, { isTemporary }: { readonly isTemporary: boolean }): Promise<void> {
    await this.#syncing;
    const missing = (EROFS_BLOCK - (tarBytes % EROFS_BLOCK)) % EROFS_BLOCK;
    if (missing > 0) ftruncateSync(this.fd, tarBytes + missing);
    if (!isTemporary) await promisify(fdatasync)(this.fd);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncing;
    if (this.#fd !== undefined) closeSync(this.#fd);
  }

  #check(reserveBytes: number): void {
    checkSpace(this.#path, reserveBytes);
    if (this.#syncing) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#syncing = promise;
    // The last sync fails as well, and says so.
    fdatasync(this.fd, () => {
      this.#syncing = undefined;
      resolve();
    });
  }
}

function linked(from: string, to: string, tarBytes: number): boolean {
  if (tarBytes % EROFS_BLOCK !== 0) return false;
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isErrno(error, 'EXDEV', 'EPERM', 'EMLINK', 'EOPNOTSUPP')) return false;
    throw error;
  }
}

function copyPiece(
  from: number,
  to: number,
  piece: { readonly from: number; readonly to: number; readonly length: number },
): void {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, piece.length));
  for (let done = 0; done < piece.length; ) {
    const length = readSync(from, buffer, 0, Math.min(buffer.length, piece.length - done), piece.from + done);
    if (length === 0) throw new EngineError('dataLoss', 'the archive became shorter while it was read');
    let written = 0;
    while (written < length) {
      written += writeSync(to, buffer, written, length - written, piece.to + done + written);
    }
    done += length;
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset);
}

async function syncDirectory(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    await promisify(fsync)(fd);
  } finally {
    closeSync(fd);
  }
}
