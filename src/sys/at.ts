import { closeSync, constants } from 'node:fs';
import { O_CLOEXEC, O_PATH } from './descriptors.ts';
import { check, declare } from './libc.ts';
import { isErrno } from './sys-error.ts';

/**
 * System calls on names relative to a directory descriptor, which no rename or link elsewhere can redirect.
 * The last component is never followed. Names are C strings: text, or bytes with a NUL at their end.
 */
export type Name = string | Buffer;

export const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
const STATX_BASIC_STATS = 0x7ff;
const STATX_SIZE = 256;
/** linux/stat.h */
const ATTRIBUTES_OFFSET = 8;
const STATX_ATTR_MOUNT_ROOT = 0x2000;

const cOpenat = declare('int openat(int dirfd, const char *path, int flags, unsigned int mode)');
const cMkdirat = declare('int mkdirat(int dirfd, const char *path, unsigned int mode)');
const cUnlinkat = declare('int unlinkat(int dirfd, const char *path, int flags)');
const cSymlinkat = declare('int symlinkat(const char *target, int dirfd, const char *path)');
const cLinkat = declare('int linkat(int from, const char *path, int to, const char *link, int flags)');
const cRenameat = declare('int renameat(int from, const char *path, int to, const char *name)');
const RENAME_EXCHANGE = 2;
const cRenameat2 = declare(
  'int renameat2(int from, const char *path, int to, const char *name, unsigned int flags)',
);
const cMknodat = declare('int mknodat(int dirfd, const char *path, unsigned int mode, unsigned long device)');
const cFchownat = declare(
  'int fchownat(int dirfd, const char *path, unsigned int uid, unsigned int gid, int flags)',
);
const cFchmodat = declare('int fchmodat(int dirfd, const char *path, unsigned int mode, int flags)');
const cUtimensat = declare('int utimensat(int dirfd, const char *path, const void *times, int flags)');
const cFutimens = declare('int futimens(int fd, const void *times)');
const cReadlinkat = declare('long readlinkat(int dirfd, const char *path, void *buffer, size_t size)');
const cStatx = declare('int statx(int dirfd, const char *path, int flags, unsigned int mask, void *buffer)');
const cGetdents = declare('long getdents64(int fd, void *buffer, size_t size)');
const cCopyRange = declare(
  'long copy_file_range(int from, void *fromOffset, int to, void *toOffset, size_t size, unsigned int flags)',
);

/** What statx(2) tells of a file. Times in nanoseconds since 1970, device numbers as (major, minor). */
export interface FileStat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly inode: bigint;
  readonly size: number;
  /** bytes on disk */
  readonly allocated: number;
  readonly mtimeSeconds: bigint;
  readonly mtimeNanos: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** the file system it is on */
  readonly fileSystem: string;
}

export function statAt(dirFd: number, name: Name): FileStat {
  return stat(dirFd, name, AT_SYMLINK_NOFOLLOW);
}

/** As {@link statAt}; `undefined` when nothing of that name is there. @throws {SysError} */
export function statIfThere(dirFd: number, name: Name): FileStat | undefined {
  try {
    return statAt(dirFd, name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export function statFd(fd: number): FileStat {
  return stat(fd, '', AT_EMPTY_PATH);
}

/** Whether an open directory or file is the root of a mount, and not what lies below it. */
export function isMountRoot(fd: number): boolean {
  stat(fd, '', AT_EMPTY_PATH);
  return (statBuffer.readUInt32LE(ATTRIBUTES_OFFSET) & STATX_ATTR_MOUNT_ROOT) !== 0;
}

/** openat(2), close-on-exec, last component not followed. */
export function openAt(dirFd: number, name: Name, flags: number, mode = 0): number {
  return check('openat', cOpenat(dirFd, name, flags | O_CLOEXEC | O_NOFOLLOW, mode), shown(name));
}

/** Opens a directory for reading its entries. @throws {SysError} `ENOTDIR` for a link too. */
export function openDirectoryAt(dirFd: number, name: Name): number {
  return openAt(dirFd, name, O_RDONLY | O_DIRECTORY);
}

/** Opens a directory for as long as `work` runs. @throws {SysError} `ENOTDIR` for a link too. */
export function withDirectory<T>(path: Name, work: (fd: number) => T): T {
  const fd = openDirectoryAt(AT_FDCWD, path);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

const SYS_OPENAT2 = 437; // the same on every architecture
const RESOLVE_NO_XDEV = 1;
const RESOLVE_NO_SYMLINKS = 4;
const RESOLVE_BENEATH = 8;
const openHow = Buffer.alloc(24); // struct open_how: flags, mode, resolve
const cOpenat2 = declare(
  'long syscall(long number, int dirfd, const char *path, const void *how, size_t size)',
);

/** Opens a directory inside another one, unless something is mounted on it. @throws {SysError} `EXDEV` then, `ELOOP` for a link. */
export function openSubdirectory(dirFd: number, name: Name): number {
  openHow.writeBigUInt64LE(BigInt(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), 0);
  openHow.writeBigUInt64LE(BigInt(RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH), 16);
  return check('openat2', cOpenat2(SYS_OPENAT2, dirFd, name, openHow, openHow.length), shown(name));
}

/**
 * Whether something is mounted on an entry, in the mounts that `dirFd` is of. Where those are another name space's, the kernel lets the
 * entry be removed all the same, and takes the mount away with it. Not so for what is not there.
 *
 * @throws {SysError}
 */
export function isMountPoint(dirFd: number, name: Name): boolean {
  openHow.writeBigUInt64LE(BigInt(O_PATH | O_NOFOLLOW | O_CLOEXEC), 0);
  openHow.writeBigUInt64LE(BigInt(RESOLVE_NO_XDEV | RESOLVE_BENEATH), 16);
  try {
    closeSync(check('openat2', cOpenat2(SYS_OPENAT2, dirFd, name, openHow, openHow.length), shown(name)));
    return false;
  } catch (error) {
    if (isErrno(error, 'EXDEV')) return true;
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** A handle that only names the file: nothing is opened, no device is touched. */
export function openPathAt(dirFd: number, name: Name): number {
  return openAt(dirFd, name, O_PATH);
}

export function mkdirAt(dirFd: number, name: Name, mode: number): void {
  check('mkdirat', cMkdirat(dirFd, name, mode), shown(name));
}

export function unlinkAt(dirFd: number, name: Name): void {
  check('unlinkat', cUnlinkat(dirFd, name, 0), shown(name));
}

export function rmdirAt(dirFd: number, name: Name): void {
  check('unlinkat', cUnlinkat(dirFd, name, AT_REMOVEDIR), shown(name));
}

export function symlinkAt(target: Name, dirFd: number, name: Name): void {
  check('symlinkat', cSymlinkat(target, dirFd, name), shown(name));
}

/** linkat(2) without following: a link to a symbolic link is made as such. */
export function linkAt(fromFd: number, from: Name, dirFd: number, name: Name): void {
  check('linkat', cLinkat(fromFd, from, dirFd, name, 0), shown(name));
}

/** Gives the open file `fd` (any handle) a further name. */
export function linkFd(fd: number, dirFd: number, name: Name): void {
  check('linkat', cLinkat(fd, '', dirFd, name, AT_EMPTY_PATH), shown(name));
}

export function renameAt(fromFd: number, from: Name, toFd: number, to: Name): void {
  check('renameat', cRenameat(fromFd, from, toFd, to), shown(from));
}

/** Swaps two entries in one step (renameat2(2), RENAME_EXCHANGE): at no moment is either of them missing. */
export function exchangeAt(fromFd: number, from: Name, toFd: number, to: Name): void {
  check('renameat2', cRenameat2(fromFd, from, toFd, to, RENAME_EXCHANGE), shown(from));
}

/** mknod(2); `mode` carries the type. */
export function mknodAt(dirFd: number, name: Name, mode: number, major = 0, minor = 0): void {
  check('mknodat', cMknodat(dirFd, name, mode, deviceNumber(major, minor)), shown(name));
}

/** Changes the owner of the entry itself, not of what a link points at. */
export function chownAt(dirFd: number, name: Name, uid: number, gid: number): void {
  check('fchownat', cFchownat(dirFd, name, uid, gid, AT_SYMLINK_NOFOLLOW), shown(name));
}

/** Follows links, as the kernel has nothing else before 6.6: never call it for one. */
export function chmodAt(dirFd: number, name: Name, mode: number): void {
  check('fchmodat', cFchmodat(dirFd, name, mode, 0), shown(name));
}

const times = Buffer.alloc(32); // struct timespec[2]: access, modification

/** Sets access and modification time of the entry itself. */
export function setTimesAt(dirFd: number, name: Name, seconds: number | bigint, nanos: number): void {
  fillTimes(seconds, nanos);
  check('utimensat', cUtimensat(dirFd, name, times, AT_SYMLINK_NOFOLLOW), shown(name));
}

export function setTimesFd(fd: number, seconds: number | bigint, nanos: number): void {
  fillTimes(seconds, nanos);
  check('futimens', cFutimens(fd, times), `${fd}`);
}

/** The target of a symbolic link, NUL-terminated. */
export function readlinkAt(dirFd: number, name: Name): Buffer {
  const buffer = Buffer.alloc(4097);
  const length = check('readlinkat', cReadlinkat(dirFd, name, buffer, 4096), shown(name));
  return buffer.subarray(0, length + 1);
}

export interface DirectoryEntry {
  /** NUL-terminated */
  readonly name: Buffer;
  readonly isDirectory: boolean;
}

const DT_UNKNOWN = 0;
const DT_DIR = 4;
const DIRENT_BYTES = 16 * 1024;

/** The entries of an open directory, read in batches, without `.` and `..`. */
export function* readDirectory(fd: number): Generator<DirectoryEntry> {
  const buffer = Buffer.allocUnsafe(DIRENT_BYTES);
  for (;;) {
    const length = check('getdents64', cGetdents(fd, buffer, buffer.length), `${fd}`);
    if (length === 0) return;
    // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name
    for (let offset = 0; offset < length; offset += buffer.readUInt16LE(offset + 16)) {
      const end = buffer.indexOf(0, offset + 19);
      const name = Buffer.from(buffer.subarray(offset + 19, end + 1));
      if (isDot(name)) continue;
      const type = buffer[offset + 18] ?? DT_UNKNOWN;
      const isDirectory = type === DT_UNKNOWN ? isDirectoryAt(fd, name) : type === DT_DIR;
      yield { name, isDirectory };
    }
  }
}

/** copy_file_range(2) of up to `length` bytes at the files' positions. @returns bytes copied, 0 at the end. */
export function copyRange(from: number, to: number, length: number): number {
  return check('copy_file_range', cCopyRange(from, null, to, null, length, 0), `${from}`);
}

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;
export const S_IFIFO = 0o010000;
export const S_IFSOCK = 0o140000;

const statBuffer = Buffer.alloc(STATX_SIZE);

function stat(dirFd: number, name: Name, flags: number): FileStat {
  check('statx', cStatx(dirFd, name, flags, STATX_BASIC_STATS, statBuffer), shown(name));
  return {
    links: statBuffer.readUInt32LE(16),
    uid: statBuffer.readUInt32LE(20),
    gid: statBuffer.readUInt32LE(24),
    mode: statBuffer.readUInt16LE(28),
    inode: statBuffer.readBigUInt64LE(32),
    size: Number(statBuffer.readBigUInt64LE(40)),
    allocated: Number(statBuffer.readBigUInt64LE(48)) * 512,
    mtimeSeconds: statBuffer.readBigInt64LE(112),
    mtimeNanos: statBuffer.readUInt32LE(120),
    deviceMajor: statBuffer.readUInt32LE(128),
    deviceMinor: statBuffer.readUInt32LE(132),
    fileSystem: `${statBuffer.readUInt32LE(136)}:${statBuffer.readUInt32LE(140)}`,
  };
}

function isDirectoryAt(dirFd: number, name: Name): boolean {
  return (statAt(dirFd, name).mode & S_IFMT) === S_IFDIR;
}

function isDot(name: Buffer): boolean {
  return name[0] === 0x2e && (name.length === 2 || (name[1] === 0x2e && name.length === 3));
}

function fillTimes(seconds: number | bigint, nanos: number): void {
  for (const offset of [0, 16]) {
    times.writeBigInt64LE(BigInt(seconds), offset);
    times.writeBigInt64LE(BigInt(nanos), offset + 8);
  }
}

/** `makedev` of glibc, for the 12 + 20 bits that Linux has. */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 2 ** 8 + (minor >>> 8) * 2 ** 20;
}

/** For calls that take no descriptor: a path whose first part is the open directory itself. `name` ends with a NUL. */
export function pathAt(dirFd: number, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${dirFd}/`), name]);
}

/** A name as errors have it. */
export function shown(name: Name): string {
  return typeof name === 'string' ? name : name.toString('utf8', 0, name.length - 1);
}
