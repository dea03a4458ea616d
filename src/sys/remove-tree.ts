import { closeSync } from 'node:fs';
import {
  AT_FDCWD,
  isMountRoot,
  type Name,
  openDirectoryAt,
  openSubdirectory,
  readDirectory,
  renameAt,
  rmdirAt,
  shown,
  statAt,
  unlinkAt,
} from './at.ts';
import { clearProtectionAt, clearProtectionFd } from './inode-flags.ts';
import { isErrno, SysError } from './sys-error.ts';

export interface RemoveTreeOptions {
  /** Stop after about this many entries, so that the caller is not held up. Default: no limit. */
  readonly maxEntries?: number;
  /** Stop at a file with more than this on disk: giving back its blocks takes the kernel a while. Default: no limit. */
  readonly maxFileBytes?: number;
  /** Asked now and then; `true` ends the work with {@link removeTree} returning `false`. */
  readonly shouldStop?: () => boolean;
}

interface Removal {
  readonly topFd: number;
  readonly maxFileBytes: number;
  left: number;
  /** directories moved up in this pass */
  moved: number;
  serial: number;
  readonly shouldStop: () => boolean;
}

const EBUSY = 16;
/** Deeper directories are moved up first: a hostile tree must not use up our descriptors or stack. */
const MAX_DEPTH = 64;

/**
 * Removes a file or a whole tree, of any depth and with immutable files in it. Goes by descriptors: no link is
 * followed and no mount is entered, so nothing outside is ever touched. Happy to find nothing.
 *
 * @returns whether all of it is gone.
 * @throws {SysError} `EBUSY` while something is mounted on it; `EBUSY` or `EXDEV` while that is so inside: what could go first is gone.
 */
export function removeTree(path: Name, options: RemoveTreeOptions = {}): boolean {
  let topFd: number;
  try {
    topFd = openDirectoryAt(AT_FDCWD, path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    if (!isErrno(error, 'ENOTDIR', 'ELOOP')) throw error;
    removeEntry(AT_FDCWD, path, unlinkAt);
    return true;
  }
  try {
    if (isMountRoot(topFd)) throw new SysError('rmdir', EBUSY, shown(path));
    const { maxEntries = Number.POSITIVE_INFINITY, shouldStop = () => false } = options;
    const { maxFileBytes = Number.POSITIVE_INFINITY } = options;
    const removal: Removal = { topFd, maxFileBytes, left: maxEntries, moved: 0, serial: 0, shouldStop };
    do {
      removal.moved = 0;
      if (!emptyTop(removal)) return false;
    } while (removal.moved > 0);
  } finally {
    closeSync(topFd);
  }
  removeEntry(AT_FDCWD, path, rmdirAt);
  return true;
}

/** One pass over the top, with a descriptor of its own: reading moves its position. */
function emptyTop(removal: Removal): boolean {
  const fd = openDirectoryAt(removal.topFd, '.');
  try {
    return emptyDirectory(removal, fd, 0);
  } finally {
    closeSync(fd);
  }
}

function emptyDirectory(removal: Removal, fd: number, depth: number): boolean {
  for (const { name, isDirectory } of readDirectory(fd)) {
    removal.left -= 1;
    if (removal.left < 0 || (removal.left % 256 === 0 && removal.shouldStop())) return false;
    if (!isDirectory) {
      if (isTooLarge(removal, fd, name)) return false;
      removeEntry(fd, name, unlinkAt);
    } else if (!removeDirectory(removal, fd, name, depth)) return false;
  }
  return true;
}

function isTooLarge({ maxFileBytes }: Removal, fd: number, name: Name): boolean {
  return maxFileBytes !== Number.POSITIVE_INFINITY && statAt(fd, name).allocated > maxFileBytes;
}

function removeDirectory(removal: Removal, parentFd: number, name: Name, depth: number): boolean {
  try {
    removeEntry(parentFd, name, rmdirAt);
    return true;
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
  if (depth >= MAX_DEPTH) {
    moveUp(removal, parentFd, name);
    return true;
  }
  const fd = openSubdirectory(parentFd, name);
  try {
    if (!emptyDirectory(removal, fd, depth + 1)) return false;
  } finally {
    closeSync(fd);
  }
  removeEntry(parentFd, name, rmdirAt);
  return true;
}

function moveUp(removal: Removal, parentFd: number, name: Name): void {
  removal.moved += 1;
  for (;;) {
    removal.serial += 1;
    try {
      return renameAt(parentFd, name, removal.topFd, `.removed-${removal.serial}`);
    } catch (error) {
      if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error; // the name is taken
    }
  }
}

function removeEntry(dirFd: number, name: Name, remove: (dirFd: number, name: Name) => void): void {
  try {
    remove(dirFd, name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    if (!isErrno(error, 'EPERM') || !clearProtection(dirFd, name)) throw error;
    remove(dirFd, name);
  }
}

/** The flag that forbids the removal is on the entry or on its directory. */
function clearProtection(dirFd: number, name: Name): boolean {
  const ofDirectory = dirFd !== AT_FDCWD && clearProtectionFd(dirFd);
  return clearProtectionAt(dirFd, name) || ofDirectory;
}
