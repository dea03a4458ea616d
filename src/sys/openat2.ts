import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { chownAt, mkdirAt, type Name, readlinkAt, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, shown } from './at.ts';
import { O_CLOEXEC, O_PATH } from './descriptors.ts';
import { check, declare, lastErrno } from './libc.ts';
import { isErrno, SysError } from './sys-error.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** linux/openat2.h */
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;
/** the same on every architecture */
const SYS_OPENAT2 = 437;

const MAX_SYMLINKS = 40; // as the kernel
/** Each takes as many look-ups as it is deep: two paths of the greatest length take half a second. */
const MAX_STEPS = 4096;
const ELOOP = 40;
const MAX_RACES = 32;

const cOpen = declare('int open(const char *path, int flags, unsigned int mode)');
const cOpenat2 = declare(
  'long syscall(long number, int dirfd, const char *path, const void *how, size_t size)',
);

/**
 * Opens a path of an untrusted tree as a process with its root there would: absolute links and `..` stay inside,
 * links of procfs are refused (openat2(2), RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS).
 *
 * @param root path of the tree, trusted, or a descriptor of it
 * @param path text, or bytes with a NUL at their end
 * @returns a descriptor, close-on-exec; the caller closes it.
 * @throws {SysError} `ENOENT`, `ELOOP`, `ENOTDIR`, …
 */
export function openInRoot(root: string | number, path: Name, flags: number, mode = 0): number {
  if (typeof root === 'number') return openat2(root, path, flags, mode, RESOLVE_IN_ROOT);
  const rootFd = openDirectory(root);
  try {
    return openat2(rootFd, path, flags, mode, RESOLVE_IN_ROOT);
  } finally {
    closeSync(rootFd);
  }
}

/**
 * Reads a small regular file of an untrusted tree. Links stay inside, and nothing else is opened: that lets the writer
 * of a fifo go on, and a device do whatever it does.
 *
 * @returns `undefined` when it does not exist, is not a regular file, or links lead round in circles.
 * @throws {RangeError} when it is larger than `maxBytes`: cut content could mean something else.
 */
export function readFileInRoot(
  root: string | number,
  path: string,
  { maxBytes }: { readonly maxBytes: number },
): Buffer | undefined {
  let handle: number;
  try {
    handle = openInRoot(root, path, O_PATH);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
  try {
    if ((fstatSync(handle).mode & S_IFMT) !== S_IFREG) return undefined;
    // Without waiting: whoever holds a lease on the file could make us wait for it (fcntl(2), F_SETLEASE).
    const fd = openSync(`/proc/self/fd/${handle}`, O_RDONLY | O_NONBLOCK);
    try {
      const { size } = fstatSync(fd);
      if (size > maxBytes) throw new RangeError(`${path} is larger than ${maxBytes} bytes`);
      return readWhole(fd, size);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(handle);
  }
}

/**
 * Makes a directory and its parents in an untrusted tree, following links as a process with its root there would.
 *
 * @returns where it really is in the tree: an absolute path without links.
 * @throws {SysError} `ENOTDIR` when something else is in the way, `ELOOP`.
 */
export function ensureDirectoryInRoot(
  root: string,
  path: string,
  {
    mode = 0o755,
    uid = 0,
    gid = 0,
  }: { readonly mode?: number; readonly uid?: number; readonly gid?: number } = {},
): string {
  return walkInRoot(root, path, (rootFd, parents, name) =>
    enterOrMake({ rootFd, mode, uid, gid }, parents, name),
  );
}

/**
 * Where a path of an untrusted tree really is: links are followed as a process with its root there would, what does not
 * exist counts as it stands.
 *
 * @returns an absolute path in the tree without links.
 * @throws {SysError} `ELOOP` for links in circles.
 */
export function resolveInRoot(root: string | number, path: string): string {
  return walkInRoot(root, path, (rootFd, parents, name) => {
    const fd = openEntry(rootFd, [...parents, name]);
    if (fd === undefined) return undefined;
    try {
      const isLink = (fstatSync(fd).mode & S_IFMT) === S_IFLNK;
      return isLink ? readlinkAt(fd, '').toString('utf8').slice(0, -1) : undefined; // without its NUL
    } finally {
      closeSync(fd);
    }
  });
}

/** @param enter gives the target of an entry that is a link. */
function walkInRoot(
  root: string | number,
  path: string,
  enter: (rootFd: number, parents: readonly string[], name: string) => string | undefined,
): string {
  const rootFd = typeof root === 'string' ? openDirectory(root) : openInRoot(root, '/', O_PATH | O_DIRECTORY);
  try {
    const resolved: string[] = [];
    const pending = componentsOf(path);
    for (let links = 0, steps = 0; pending.length > 0; ) {
      const name = pending.shift() ?? '';
      steps += 1;
      if (steps > MAX_STEPS) throw new SysError('openat2', ELOOP, path);
      if (name === '..') {
        resolved.pop();
        continue;
      }
      const target = enter(rootFd, resolved, name);
      if (target === undefined) {
        resolved.push(name);
        continue;
      }
      links += 1;
      if (links > MAX_SYMLINKS) throw new SysError('openat2', ELOOP, path);
      if (target.startsWith('/')) resolved.length = 0;
      pending.unshift(...componentsOf(target));
    }
    return `/${resolved.join('/')}`;
  } finally {
    closeSync(rootFd);
  }
}

/** A handle of the entry itself; `undefined` when there is none. */
function openEntry(rootFd: number, components: readonly string[]): number | undefined {
  try {
    return openat2(rootFd, `/${components.join('/')}`, O_PATH | O_NOFOLLOW, 0, RESOLVE_IN_ROOT);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

interface Walk {
  readonly rootFd: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** @returns the target when the entry is a link; otherwise it is a directory now. */
function enterOrMake(walk: Walk, parents: readonly string[], name: string): string | undefined {
  const parentFd = openat2(
    walk.rootFd,
    `/${parents.join('/')}`,
    O_PATH | O_DIRECTORY,
    0,
    RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
  );
  try {
    mkdirAt(parentFd, name, walk.mode);
    chownAt(parentFd, name, walk.uid, walk.gid);
    return undefined;
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    return linkTarget(parentFd, name, `/${[...parents, name].join('/')}`);
  } finally {
    closeSync(parentFd);
  }
}

function linkTarget(parentFd: number, name: string, path: string): string | undefined {
  const fd = openat2(parentFd, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH);
  try {
    const type = fstatSync(fd).mode & S_IFMT;
    if (type === S_IFDIR) return undefined;
    if (type !== S_IFLNK) throw new SysError('mkdir', 20, path); // ENOTDIR
    return readlinkAt(parentFd, name).toString('utf8').slice(0, -1); // without its NUL
  } finally {
    closeSync(fd);
  }
}

function componentsOf(path: string): string[] {
  return path.split('/').filter(part => part !== '' && part !== '.');
}

function openDirectory(path: string): number {
  return check('open', cOpen(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), path);
}

function openat2(dirFd: number, path: Name, flags: number, mode: number, resolve: number): number {
  const how = Buffer.alloc(24); // struct open_how: flags, mode, resolve
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(resolve | RESOLVE_NO_MAGICLINKS), 16);
  for (let attempt = 0; ; attempt += 1) {
    const fd = cOpenat2(SYS_OPENAT2, dirFd, path, how, how.length);
    if (fd !== -1) return fd;
    const error = new SysError('openat2', lastErrno(), shown(path));
    // The kernel could not prove that a concurrent rename did not lead out; it asks to try again.
    if (!isErrno(error, 'EAGAIN') || attempt >= MAX_RACES) throw error;
  }
}

function readWhole(fd: number, size: number): Buffer {
  const buffer = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const count = readSync(fd, buffer, length, size - length, null);
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}
