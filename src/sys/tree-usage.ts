import { closeSync } from 'node:fs';
import { AT_FDCWD, openDirectoryAt, openSubdirectory, readDirectory, S_IFDIR, S_IFMT, statAt } from './at.ts';
import { isErrno } from './sys-error.ts';

export interface TreeUsage {
  /** bytes of content, each file once however many names it has; directories count nothing (as Docker) */
  readonly sizeBytes: number;
  /** bytes on disk, directories included */
  readonly allocatedBytes: number;
  readonly inodes: number;
}

/** No honest tree is deeper; each level costs a descriptor. */
const MAX_DEPTH = 1000;
/** Files of several names that are remembered, for the memory of a thread: further ones count by each name. */
const MOST_SEEN = 2_000_000;

/**
 * Adds up a tree. Goes by descriptors, follows no link, enters no mount; what disappears meanwhile is left out.
 *
 * @returns `undefined` when `shouldStop` said so.
 * @throws {SysError} when the top cannot be opened.
 */
export function treeUsage(path: string, shouldStop: () => boolean = () => false): TreeUsage | undefined {
  const sum = { sizeBytes: 0, allocatedBytes: 0, inodes: 0 };
  const seen = new Set<string>();
  const add = (fd: number, depth: number): boolean => {
    for (const { name } of readDirectory(fd)) {
      if (sum.inodes % 256 === 0 && shouldStop()) return false;
      const stat = gone(() => statAt(fd, name));
      if (!stat) continue;
      const isDirectory = (stat.mode & S_IFMT) === S_IFDIR;
      if (!isDirectory && stat.links > 1) {
        const key = `${stat.fileSystem} ${stat.inode}`;
        if (seen.has(key)) continue;
        if (seen.size < MOST_SEEN) seen.add(key);
      }
      sum.inodes += 1;
      sum.allocatedBytes += stat.allocated;
      if (!isDirectory) sum.sizeBytes += stat.size;
      else if (depth < MAX_DEPTH && !within(fd, name, child => add(child, depth + 1))) return false;
    }
    return true;
  };
  const top = openDirectoryAt(AT_FDCWD, path);
  try {
    return add(top, 0) ? sum : undefined;
  } finally {
    closeSync(top);
  }
}

function within(fd: number, name: Buffer, work: (child: number) => boolean): boolean {
  const child = gone(() => openSubdirectory(fd, name));
  if (child === undefined) return true;
  try {
    return work(child);
  } finally {
    closeSync(child);
  }
}

/** `undefined` for what vanished, changed its type or has something mounted on it. */
function gone<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV')) return undefined;
    throw error;
  }
}
