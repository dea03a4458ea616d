import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { codeOf } from '#base/errors';

/** One file of a rotated log, held open: it stays readable when it is renamed or deleted. */
export interface LogFile {
  readonly handle: FileHandle;
  /** tells files apart while they are open, whatever they are called */
  readonly inode: bigint;
}

/** Rotated files beyond this are not ours. */
const MAX_ROTATED = 1000;

/** `path` is the newest; `path.1`, `path.2`, … are older and older. */
export function rotatedPath(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`;
}

/**
 * Opens all files of a log, oldest first. The newest is opened first, so that a rotation in between shows a file twice,
 * never hides one. The caller closes them.
 */
export async function openLogFiles(path: string): Promise<LogFile[]> {
  return openUntil(path, undefined);
}

/**
 * Opens the file that was begun after `current`, wherever rotation has moved both.
 *
 * @returns `undefined` while there is none. When `current` was deleted meanwhile, the oldest that is left.
 */
export async function openNextFile(path: string, current: LogFile | undefined): Promise<LogFile | undefined> {
  if (current && (await inodeOf(path)) === current.inode) return undefined; // the usual case, one look
  const [next, ...newer] = await openUntil(path, current?.inode);
  await closeFiles(newer);
  return next;
}

export async function closeFiles(files: readonly LogFile[]): Promise<void> {
  for (const { handle } of files) await handle.close();
}

/** Files newer than the one with this inode, oldest first. */
async function openUntil(path: string, inode: bigint | undefined): Promise<LogFile[]> {
  const files: LogFile[] = [];
  try {
    const last = await oldestAge(path);
    // A file that moved on since the listing is one further.
    for (let age = 0; age <= last + 1; age += 1) {
      const file = await tryOpen(rotatedPath(path, age));
      if (!file) continue;
      const isKnown = file.inode === inode || files.some(other => other.inode === file.inode);
      if (isKnown) await file.handle.close();
      else files.unshift(file);
      if (file.inode === inode) break;
    }
    return files;
  } catch (error) {
    await closeFiles(files);
    throw error;
  }
}

async function oldestAge(path: string): Promise<number> {
  const prefix = `${basename(path)}.`;
  try {
    const names = await readdir(dirname(path));
    const ages = names.filter(name => name.startsWith(prefix)).map(name => name.slice(prefix.length));
    return Math.max(
      0,
      ...ages
        .filter(age => /^[1-9]\d{0,3}$/.test(age))
        .map(Number)
        .filter(age => age <= MAX_ROTATED),
    );
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function tryOpen(path: string): Promise<LogFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return { handle, inode: (await handle.stat({ bigint: true })).ino };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
