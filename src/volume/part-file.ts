import { existsSync, readdirSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLockOpen } from '#sys/file-lock';
import { isErrno, SysError } from '#sys/sys-error';

const PART = '.part';

/** A file that is not there under its name before it is whole and on the disk. Disposed unfinished, it is gone. */
export interface PartFile extends AsyncDisposable {
  write(chunks: AsyncIterable<Uint8Array> | string): Promise<void>;
  finish(): Promise<void>;
}

/**
 * Starts a file as `PATH.part`. It stays locked while it is written, so that {@link removeParts}, here or in another
 * engine, tells it from what a killed one has left.
 *
 * @returns undefined when there is such a file, or somebody is writing it.
 */
export async function startPart(path: string): Promise<PartFile | undefined> {
  const part = `${path}${PART}`;
  const handle = await openPart(part);
  if (!handle) return undefined;
  let isFinished = false;
  const discard = async (): Promise<void> => {
    if (!isFinished) await rm(part, { force: true });
    await handle.close();
  };
  // Looked at while the part is ours: nobody else makes it meanwhile.
  if (existsSync(path)) {
    await discard();
    return undefined;
  }
  return {
    write: chunks => handle.writeFile(chunks),
    async finish() {
      await handle.sync();
      await rename(part, path);
      isFinished = true;
    },
    [Symbol.asyncDispose]: discard,
  };
}

/** Removes the parts in a directory, of those `isOurs` says, that nobody writes any more. */
export async function removeParts(directory: string, isOurs: (name: string) => boolean): Promise<void> {
  for (const name of readdirSync(directory)) {
    if (!name.endsWith(PART) || !isOurs(name)) continue;
    const path = join(directory, name);
    const handle = await ifThere(open(path, 'r+'));
    if (!handle) continue;
    await using _ = handle;
    if (canLock(handle, false)) await rm(path, { force: true });
  }
}

/** Made and locked, and still there: somebody may have taken it for a left one in between. */
async function openPart(part: string): Promise<FileHandle | undefined> {
  for (;;) {
    let handle: FileHandle;
    try {
      handle = await open(part, 'wx', 0o600);
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return undefined;
      throw error;
    }
    if (canLock(handle, true) && (await handle.stat()).nlink > 0) return handle;
    await handle.close();
  }
}

/** `otherwise`: where the file system has no locks. */
function canLock(handle: FileHandle, otherwise: boolean): boolean {
  try {
    return tryLockOpen(handle.fd);
  } catch (error) {
    if (error instanceof SysError) return otherwise;
    throw error;
  }
}

async function ifThere<T>(opened: Promise<T>): Promise<T | undefined> {
  try {
    return await opened;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
