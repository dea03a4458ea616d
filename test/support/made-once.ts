import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { tryLockFile } from '#sys/file-lock';

const RETRY_MS = 100;

/**
 * A file that takes long to make, and that several test files want: whoever asks first makes it, whoever asks meanwhile waits.
 *
 * @param make puts the file there, whole; it may fail to, and then the next one tries
 * @returns `undefined` when it could not be made
 */
export async function madeOnce(path: string, make: () => Promise<void>): Promise<string | undefined> {
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  using _lock = await lock(`${path}.lock`);
  if (!existsSync(path)) await make();
  return existsSync(path) ? path : undefined;
}

async function lock(file: string): Promise<Disposable> {
  for (;;) {
    const held = tryLockFile(file);
    if (held) return held;
    await wait(RETRY_MS);
  }
}
