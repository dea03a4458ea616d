import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  readSync,
  writeSync,
} from 'node:fs';
import {
  AT_FDCWD,
  chownAt,
  copyRange,
  type FileStat,
  linkFd,
  mkdirAt,
  mknodAt,
  openAt,
  openDirectoryAt,
  openPathAt,
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
  setTimesAt,
  setTimesFd,
  statAt,
  statFd,
  symlinkAt,
} from './at.ts';
import { dataSegments, seekTo } from './holes.ts';
import { openInRoot } from './openat2.ts';
import { isErrno, SysError } from './sys-error.ts';
import { getXattr, listXattrs, setXattr } from './xattr.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const PERMISSIONS = 0o7777;
const COPY_BYTES = 1024 * 1024;
const MOST_AT_ONCE = 2 ** 30;
/** Descriptors kept to give a copied file its other names. Beyond that a name gets a copy of its own. */
const MAX_LINK_FDS = 256;
/** Each level costs two descriptors. */
const MAX_DEPTH = 1000;

interface Copy {
  readonly links: Map<string, { readonly fd: number; left: number }>;
  readonly shouldStop: () => boolean;
  count: number;
}

/**
 * Copies the content of a directory of an untrusted tree into an empty directory, as `cp -a`: owners, modes,
 * times, extended attributes, links, devices; and gives `destination` the attributes of the source directory.
 *
 * `path` is resolved as a process with its root at `root` would: no link leads out. After that everything goes by
 * descriptors and nothing is followed, so neither tree can redirect it, even while someone changes it.
 *
 * @returns `false` when the source does not exist or is no directory. A destination that is not empty stays as it is.
 * @throws {SysError} `ECANCELED` when `shouldStop` said so; the destination then holds a part.
 */
export function copyTree(
  { root, path, destination }: { readonly root: string; readonly path: string; readonly destination: string },
  shouldStop: () => boolean = () => false,
): boolean {
  using fds = new DisposableStack();
  const source = openSource(root, path);
  if (source === undefined) return false;
  fds.defer(() => closeSync(source));
  const target = openDirectoryAt(AT_FDCWD, destination);
  fds.defer(() => closeSync(target));
  if (!readDirectory(target).next().done) return true;
  const copy: Copy = { links: new Map(), shouldStop, count: 0 };
  fds.defer(() => {
    for (const { fd } of copy.links.values()) closeSync(fd);
  });
  // Reopened: reading the directory above has moved its position.
  const output = openDirectoryAt(target, '.');
  fds.defer(() => closeSync(output));
  copyDirectory(copy, source, output, 0);
  const stat = statFd(source);
  fchownSync(output, stat.uid, stat.gid);
  fchmodSync(output, stat.mode & PERMISSIONS);
  copyXattrs(`/proc/self/fd/${source}/.`, `/proc/self/fd/${output}/.`);
  setTimesFd(output, stat.mtimeSeconds, stat.mtimeNanos);
  return true;
}

function openSource(root: string, path: string): number | undefined {
  try {
    return openInRoot(root, path, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function copyDirectory(copy: Copy, source: number, target: number, depth: number): void {
  if (depth > MAX_DEPTH) throw new SysError('copy', 36, 'the tree is too deep'); // ENAMETOOLONG
  for (const { name } of readDirectory(source)) {
    copy.count += 1;
    if (copy.count % 64 === 0 && copy.shouldStop()) throw new SysError('copy', 125); // ECANCELED
    copyEntry(copy, source, target, name, depth);
  }
}

function copyEntry(copy: Copy, source: number, target: number, name: Buffer, depth: number): void {
  const stat = statAt(source, name);
  switch (stat.mode & S_IFMT) {
    case S_IFDIR:
      copySubdirectory(copy, source, target, name, depth);
      break;
    case S_IFREG:
      if (linkToCopy(copy, stat, target, name)) return;
      copyFile(source, target, name);
      rememberLinks(copy, stat, target, name);
      break;
    case S_IFLNK:
      symlinkAt(readlinkAt(source, name), target, name);
      break;
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
      mknodAt(target, name, stat.mode & (S_IFMT | 0o777), stat.deviceMajor, stat.deviceMinor);
      break;
    default:
      return; // a socket is nothing without its process
  }
  copyAttributes(source, target, name, stat);
}

function copySubdirectory(copy: Copy, source: number, target: number, name: Buffer, depth: number): void {
  mkdirAt(target, name, 0o700);
  using fds = new DisposableStack();
  const from = openDirectoryAt(source, name);
  fds.defer(() => closeSync(from));
  const to = openDirectoryAt(target, name);
  fds.defer(() => closeSync(to));
  copyDirectory(copy, from, to, depth + 1);
}

function copyFile(source: number, target: number, name: Buffer): void {
  using fds = new DisposableStack();
  const from = openAt(source, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  fds.defer(() => closeSync(from));
  if ((statFd(from).mode & S_IFMT) !== S_IFREG) throw new SysError('copy', 11, 'a file changed its type'); // EAGAIN
  const to = openAt(target, name, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  fds.defer(() => closeSync(to));
  try {
    copyContent(from, to);
  } catch (error) {
    // Not between these file systems: then nothing was copied yet.
    if (!isErrno(error, 'EXDEV', 'EINVAL', 'ENOSYS', 'EOPNOTSUPP')) throw error;
    copyBytes(from, to);
  }
}

/** Shares the blocks where the file system can (btrfs, xfs). Holes stay holes. */
function copyContent(from: number, to: number): void {
  const { size, allocated } = statFd(from);
  if (allocated >= size) {
    while (copyRange(from, to, MOST_AT_ONCE) > 0);
    return;
  }
  for (const { offset, length } of dataSegments(from, size)) {
    seekTo(from, offset);
    seekTo(to, offset);
    for (let left = length; left > 0; ) {
      const copied = copyRange(from, to, Math.min(left, MOST_AT_ONCE));
      if (copied === 0) break;
      left -= copied;
    }
  }
  ftruncateSync(to, size);
}

function copyBytes(from: number, to: number): void {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (;;) {
    const length = readSync(from, buffer, 0, buffer.length, null);
    if (length === 0) return;
    for (let offset = 0; offset < length; ) offset += writeSync(to, buffer, offset, length - offset, null);
  }
}

function linkToCopy(copy: Copy, stat: FileStat, target: number, name: Buffer): boolean {
  const key = `${stat.fileSystem} ${stat.inode}`;
  const first = copy.links.get(key);
  if (!first) return false;
  linkFd(first.fd, target, name);
  first.left -= 1;
  if (first.left <= 0) {
    closeSync(first.fd);
    copy.links.delete(key);
  }
  return true;
}

function rememberLinks(copy: Copy, stat: FileStat, target: number, name: Buffer): void {
  if (stat.links < 2 || copy.links.size >= MAX_LINK_FDS) return;
  copy.links.set(`${stat.fileSystem} ${stat.inode}`, { fd: openPathAt(target, name), left: stat.links - 1 });
}

/** Owner before mode, which chown(2) would cut; attributes after both, as it takes capabilities away too. */
function copyAttributes(source: number, target: number, name: Buffer, stat: FileStat): void {
  chownAt(target, name, stat.uid, stat.gid);
  if ((stat.mode & S_IFMT) !== S_IFLNK) chmodEntry(target, name, stat.mode & PERMISSIONS);
  copyXattrs(pathAt(source, name), pathAt(target, name));
  setTimesAt(target, name, stat.mtimeSeconds, stat.mtimeNanos);
}

/** chmod(2) by name follows links, and someone may have put one there: so it goes by a handle of the file. */
function chmodEntry(dirFd: number, name: Buffer, mode: number): void {
  const fd = openPathAt(dirFd, name);
  try {
    chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}

function copyXattrs(from: string | Buffer, to: string | Buffer): void {
  for (const name of listXattrs(from)) {
    if (name.startsWith('trusted.overlay.') || name === 'security.selinux') continue;
    const value = getXattr(from, name);
    try {
      if (value) setXattr(to, name, value);
    } catch (error) {
      if (!isErrno(error, 'EOPNOTSUPP')) throw error;
    }
  }
}
