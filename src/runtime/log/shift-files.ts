import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '#base/errors';
import { rotatedPath } from './log-files.ts';

/**
 * Moves every file of a log one further, so that `path` is free: `path` → `path.1` → `path.2` … The oldest is overwritten.
 * Killed at any point it leaves a gap at most, which the next call closes first: no file is lost for it.
 */
export async function shiftFiles(path: string, maxFiles: number): Promise<void> {
  const last = Math.max(1, maxFiles - 1);
  let free = 1;
  while (free < last && (await exists(rotatedPath(path, free)))) free += 1;
  for (let age = free; age > 0; age -= 1) await rename(rotatedPath(path, age - 1), rotatedPath(path, age));
}

/** Deletes rotated files beyond the limit, as when it was lowered, or when only the current file is kept. */
export async function removeOldFiles(path: string, maxFiles: number): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    const age = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^[1-9]\d*$/.test(age) && Number(age) >= maxFiles)
      await rm(join(dirname(path), name), { force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
