import { closeSync, constants, openSync } from 'node:fs';
import { check, declare } from './libc.ts';
import { isErrno } from './sys-error.ts';

const cFlock = declare('int flock(int fd, int operation)');
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes the exclusive lock of a file, made if it is not there (flock(2)). The kernel gives it back when the holder ends, however it ends.
 *
 * @returns undefined when another process holds it.
 */
export function tryLockFile(path: string): Disposable | undefined {
  return tryLock(openSync(path, 'a', 0o600));
}

/** Takes the exclusive lock of a folder that is there, as {@link tryLockFile} does: no file has to be kept in it. */
export function tryLockFolder(path: string): Disposable | undefined {
  return tryLock(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
}

/**
 * Takes the exclusive lock of an open file for as long as somebody has it open.
 *
 * @returns false when it is locked through another opening of it, here or elsewhere.
 */
export function tryLockOpen(fd: number): boolean {
  try {
    check('flock', cFlock(fd, LOCK_EX | LOCK_NB), `/proc/self/fd/${fd}`);
    return true;
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return false;
    throw error;
  }
}

function tryLock(fd: number): Disposable | undefined {
  let isOurs = false;
  try {
    isOurs = tryLockOpen(fd);
  } finally {
    if (!isOurs) closeSync(fd);
  }
  return isOurs ? { [Symbol.dispose]: () => closeSync(fd) } : undefined;
}
