import { closeSync, constants, readSync, writeSync } from 'node:fs';
import { EngineError } from '#base/errors';
import { displayName } from '#spec/tar/byte-string';
import { TAR_END, type TarEntryInit, tarHeader, tarPadding } from '#spec/tar/tar-writer';
import {
  type FileStat,
  openAt,
  openDirectoryAt,
  openPathAt,
  openSubdirectory,
  pathAt,
  readDirectory,
  readlinkAt,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  statFd,
  statIfThere,
} from '#sys/at';
import { fileSystemFacts } from '#sys/file-system-facts';
import { dataSegments, type Segment, seekTo } from '#sys/holes';
import { openInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import { getXattr, listXattrs } from '#sys/xattr';
import type { PackInput } from './jail-jobs.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const READ_BYTES = 256 * 1024;
/** Small files are not worth a map. */
const SPARSE_BYTES = 64 * 1024;
const MAX_SEGMENTS = 10_000;
/** Each level costs a descriptor. */
const MAX_DEPTH = 1000;
const PERMISSIONS = 0o7777;
/** Files of several names that are remembered, for the memory of a thread: further ones are written once for each name. */
const MOST_LINKS = 1_000_000;
/** names of one directory */
const MOST_SORTED = 2_000_000;

/**
 * Writes a tar of a tree that others may change meanwhile: everything goes by descriptors and nothing is followed, so
 * that no link leads out; what vanishes while it is read is left out, a file that changes its size is cut or filled up.
 */
export function packTree(
  { root, path, name, fd, entersMounts = false }: PackInput,
  shouldStop: () => boolean,
): void {
  const packer = new TreePacker(fd, shouldStop, entersMounts ? { skipped: mountsToSkip(root) } : {});
  const { parent, last } = openParent(root, path);
  try {
    packer.entry(parent, last, name, 0);
    packer.end();
  } finally {
    closeSync(parent);
  }
}

/** The directory that holds what is wanted, and its name there; for the root, or a path that ends in `/`, itself and `.`. */
function openParent(root: string | number, path: string): { readonly parent: number; readonly last: Buffer } {
  const isDirectory = /(?:^|\/)\.?$/.test(path);
  const slash = path.lastIndexOf('/');
  const directory = isDirectory ? path : path.slice(0, Math.max(0, slash));
  const last = isDirectory ? '.' : path.slice(slash + 1);
  if (last === '..') throw new EngineError('invalid', `"${path}" has no last component`);
  try {
    return {
      parent: openInRoot(root, directory || '/', O_RDONLY | O_DIRECTORY),
      last: Buffer.from(`${last}\0`),
    };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw notThere(path);
    throw error;
  }
}

/** What of a tree goes into an archive, and how. */
export interface PackRules {
  /** file systems whose content is left out; absent: no mount is entered at all */
  readonly skipped?: ReadonlySet<string>;
  /** what the archive says of an entry instead */
  readonly adapt?: (entry: TarEntryInit) => TarEntryInit;
  /**
   * Asked before an entry is looked into, by its name in the archive: one that is left out; a directory that is only there for
   * what is kept in it.
   */
  readonly choose?: (name: string, kind: { readonly isDirectory: boolean }) => 'keep' | 'leave' | 'look';
  /** directories in the order of their names, not as they are on the disk */
  readonly isSorted?: boolean;
  /** nothing but content: whether files share it, or have holes, makes no difference */
  readonly isPlain?: boolean;
}

/** Writes the entries of a tree, one by one. */
export class TreePacker {
  readonly #write: (bytes: Buffer) => void;
  readonly #shouldStop: () => boolean;
  readonly #rules: PackRules;
  /** directories that are only written when something in them is, from the outermost in */
  readonly #pending: { readonly fd: number; readonly name: string }[] = [];
  /** names of files that have several, by file system and inode */
  readonly #links = new Map<string, string>();
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES);

  /** @param output where to write to: a descriptor, or whoever takes the bytes before it returns */
  constructor(output: number | ((bytes: Buffer) => void), shouldStop: () => boolean, rules: PackRules = {}) {
    this.#write = typeof output === 'number' ? bytes => writeAll(output, bytes) : output;
    this.#shouldStop = shouldStop;
    this.#rules = rules;
  }

  /** @param name byte string of the entry in the archive */
  entry(parent: number, last: Buffer, name: string, depth: number): void {
    if (this.#shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
    if (depth > MAX_DEPTH) throw new EngineError('invalid', `"${displayName(name)}" is too deep`);
    const stat = statIfThere(parent, last);
    if (!stat) {
      if (depth === 0) throw notThere(displayName(name));
      return;
    }
    const isDirectory = (stat.mode & S_IFMT) === S_IFDIR;
    const choice = this.#rules.choose?.(name, { isDirectory }) ?? 'keep';
    if (choice === 'leave' || (choice === 'look' && !isDirectory)) return;
    switch (stat.mode & S_IFMT) {
      case S_IFDIR:
        return this.#directory({ parent, last, name, depth, isKept: choice === 'keep' });
      case S_IFREG:
        return this.#file(parent, last, name);
      case S_IFLNK:
        return this.#symlink(parent, last, attributes(stat, name));
      case S_IFCHR:
      case S_IFBLK:
        return this.#plain(parent, last, {
          ...attributes(stat, name),
          type: (stat.mode & S_IFMT) === S_IFCHR ? 'character' : 'block',
          deviceMajor: stat.deviceMajor,
          deviceMinor: stat.deviceMinor,
        });
      case S_IFIFO:
        return this.#plain(parent, last, { ...attributes(stat, name), type: 'fifo' });
      default:
        return; // a socket is nothing without its process
    }
  }

  /** An open directory itself, without what is in it. */
  directoryEntry(fd: number, name: string): void {
    const path = name === '' ? './' : inside(name, '');
    const xattrs = xattrsOf(`/proc/self/fd/${fd}/.`);
    this.#header({ ...attributes(statFd(fd), path), type: 'directory', xattrs });
  }

  /** An empty file: what a layer marks deletions with. */
  mark(name: string): void {
    this.#header({ path: name });
  }

  end(): void {
    this.#write(TAR_END);
  }

  #symlink(parent: number, last: Buffer, entry: TarEntryInit): void {
    const target = ifThere(() => readlinkAt(parent, last), 'EINVAL'); // what is no link any more
    if (!target) return;
    const linkPath = target.toString('latin1', 0, target.length - 1);
    this.#plain(parent, last, { ...entry, type: 'symlink', linkPath });
  }

  #plain(parent: number, last: Buffer, entry: TarEntryInit): void {
    const xattrs = ifThere(() => xattrsOf(pathAt(parent, last)));
    if (xattrs) this.#header({ ...entry, xattrs });
  }

  #header(entry: TarEntryInit): void {
    for (const { fd, name } of this.#pending.splice(0)) this.directoryEntry(fd, name);
    this.#write(tarHeader(this.#rules.adapt?.(entry) ?? entry));
  }

  #directory({ parent, last, name, depth, isKept }: DirectoryPlace): void {
    const opens = depth === 0 || this.#rules.skipped !== undefined ? openDirectoryAt : openSubdirectory;
    const fd = ifThere(() => opens(parent, last));
    if (fd === undefined) return;
    try {
      if (isKept) this.directoryEntry(fd, name);
      else this.#pending.push({ fd, name });
      if (depth > 0 && this.#isSkipped(fd)) return;
      for (const child of this.#names(fd)) {
        const text = child.toString('latin1', 0, child.length - 1);
        this.entry(fd, child, name === '' ? text : inside(name, text), depth + 1);
      }
    } finally {
      if (this.#pending.at(-1)?.fd === fd) this.#pending.pop();
      closeSync(fd);
    }
  }

  /** As they are read, unless they are to be sorted: there may be more than fit into the memory of a thread. */
  *#names(fd: number): Iterable<Buffer> {
    const names: Buffer[] = [];
    for (const { name } of readDirectory(fd)) {
      if (!this.#rules.isSorted) yield name;
      else if (names.push(name) > MOST_SORTED)
        throw new EngineError('invalid', 'a directory has too many files');
    }
    yield* names.sort((one, other) => one.compare(other));
  }

  #isSkipped(fd: number): boolean {
    const { skipped } = this.#rules;
    return skipped ? fileSystemFacts(fd).isKernelMade || skipped.has(statFd(fd).fileSystem) : false;
  }

  #file(parent: number, last: Buffer, name: string): void {
    const fd = ifThere(() => openRegular(parent, last));
    if (fd === undefined) return;
    try {
      const stat = statFd(fd);
      if (this.#isLinkedBefore(stat, name)) return;
      const xattrs = ifThere(() => xattrsOf(pathAt(parent, last)));
      if (!xattrs) return;
      const entry = { ...attributes(stat, name), xattrs };
      const segments = this.#rules.isPlain ? undefined : segmentsOf(fd, stat);
      if (segments) return this.#sparse(fd, entry, stat.size, segments);
      this.#header({ ...entry, size: stat.size });
      seekTo(fd, 0);
      this.#content(fd, stat.size);
      this.#write(tarPadding(stat.size));
    } finally {
      closeSync(fd);
    }
  }

  /** A further name of a file that is in the archive already. */
  #isLinkedBefore(stat: FileStat, name: string): boolean {
    if (stat.links < 2 || this.#rules.isPlain) return false;
    const key = `${stat.fileSystem} ${stat.inode}`;
    const first = this.#links.get(key);
    if (first === undefined) {
      if (this.#links.size < MOST_LINKS) this.#links.set(key, name);
      return false;
    }
    this.#header({ ...attributes(stat, name), type: 'hardlink', linkPath: first });
    return true;
  }

  /** GNU's sparse format 1.0 in PAX records: the map comes before the content. */
  #sparse(fd: number, entry: TarEntryInit, realSize: number, segments: readonly Segment[]): void {
    const numbers = [segments.length, ...segments.flatMap(({ offset, length }) => [offset, length])];
    const map = Buffer.from(`${numbers.join('\n')}\n`);
    const stored = segments.reduce((sum, { length }) => sum + length, 0);
    const padding = tarPadding(map.length);
    const size = map.length + padding.length + stored;
    const records = new Map([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', entry.path],
      ['GNU.sparse.realsize', String(realSize)],
    ]);
    this.#header({ ...entry, path: `GNUSparseFile.0/${entry.path.slice(-60)}`, size, records });
    this.#write(map);
    this.#write(padding);
    for (const { offset, length } of segments) {
      seekTo(fd, offset);
      this.#content(fd, length);
    }
    this.#write(tarPadding(size));
  }

  /** Exactly `length` bytes, as the header promised them. */
  #content(fd: number, length: number): void {
    for (let left = length; left > 0; ) {
      if (this.#shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
      const most = Math.min(left, this.#buffer.length);
      const count = readSync(fd, this.#buffer, 0, most, null);
      if (count === 0) this.#buffer.fill(0, 0, most);
      const written = count === 0 ? most : count;
      this.#write(this.#buffer.subarray(0, written));
      left -= written;
    }
  }
}

interface DirectoryPlace {
  readonly parent: number;
  readonly last: Buffer;
  readonly name: string;
  readonly depth: number;
  readonly isKept: boolean;
}

function writeAll(fd: number, bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  } catch (error) {
    if (isErrno(error, 'EPIPE')) throw new EngineError('cancelled', 'nobody reads the archive any more');
    throw error;
  }
}

function inside(name: string, child: string): string {
  return name === '/' ? `/${child}` : `${name}/${child}`;
}

/** The devices of a container: what is mounted at its /dev, where that is another file system. */
function mountsToSkip(root: string | number): ReadonlySet<string> {
  const [own, devices] = ['/', '/dev'].map(path => {
    const fd = ifThere(() => openInRoot(root, path, O_RDONLY | O_DIRECTORY));
    if (fd === undefined) return '';
    try {
      return statFd(fd).fileSystem;
    } finally {
      closeSync(fd);
    }
  });
  return new Set(devices !== undefined && devices !== '' && devices !== own ? [devices] : []);
}

/** A regular file, and nothing that took its place: opening a device does things, and a fifo waits. */
function openRegular(parent: number, last: Buffer): number {
  const handle = openPathAt(parent, last);
  try {
    if ((statFd(handle).mode & S_IFMT) !== S_IFREG) throw notThere(last.toString('utf8', 0, last.length - 1));
    const fd = openAt(parent, last, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    if (statFd(fd).inode === statFd(handle).inode && (statFd(fd).mode & S_IFMT) === S_IFREG) return fd;
    closeSync(fd);
    throw notThere(last.toString('utf8', 0, last.length - 1));
  } finally {
    closeSync(handle);
  }
}

function segmentsOf(fd: number, { size, allocated }: FileStat): Segment[] | undefined {
  if (size < SPARSE_BYTES || allocated >= size) return undefined;
  const segments: Segment[] = [];
  for (const segment of dataSegments(fd, size)) {
    segments.push(segment);
    if (segments.length > MAX_SEGMENTS) return undefined;
  }
  const [first] = segments;
  // Compressed by its file system, and not sparse at all.
  if (segments.length === 1 && first?.offset === 0 && first.length === size) return undefined;
  // A hole at the end is only seen by GNU tar when something, if only nothing, comes after it.
  return [...segments, { offset: size, length: 0 }];
}

function attributes(stat: FileStat, path: string): TarEntryInit {
  const { mode, uid, gid, mtimeSeconds, mtimeNanos } = stat;
  return { path, mode: mode & PERMISSIONS, uid, gid, mtimeSeconds: Number(mtimeSeconds) + mtimeNanos / 1e9 };
}

function xattrsOf(path: string | Buffer): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const name of listXattrs(path)) {
    if (name.startsWith('trusted.overlay.') || name === 'security.selinux') continue;
    const value = getXattr(path, name);
    if (value) found.set(name, value);
  }
  return found;
}

/** `undefined` for what vanished, became something else or has something mounted on it. */
function ifThere<Found>(look: () => Found, ...more: readonly string[]): Found | undefined {
  try {
    return look();
  } catch (error) {
    const isGone = isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENXIO', ...more);
    if (isGone || (error instanceof EngineError && error.kind === 'notFound')) return undefined;
    throw error;
  }
}

function notThere(path: string): EngineError {
  return new EngineError('notFound', `no such file or directory: ${path || '/'}`);
}
