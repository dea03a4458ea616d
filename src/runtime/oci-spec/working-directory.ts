import { posix } from 'node:path';
import { EngineError } from '#base/errors';
import { ensureDirectoryInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import { cleanDestination } from './mounts.ts';

/** Doors from procfs to whatever a descriptor or a process shows: the host's tree, if one ever leaks (CVE-2024-21626). */
const MAGIC = /^\/(proc\/(self|thread-self|\d+)|dev\/(fd|stdin|stdout|stderr))(\/|$)/;

/**
 * @returns the path without `.`, `..` and double slashes.
 * @throws {EngineError} `invalid` for a relative path, or one through descriptors of a process.
 */
export function checkWorkingDirectory(path: string): string {
  if (!posix.isAbsolute(path)) {
    throw new EngineError(
      'invalid',
      `the working directory '${path}' is invalid, it needs to be an absolute path`,
    );
  }
  const clean = cleanDestination(path);
  if (MAGIC.test(clean)) {
    throw new EngineError(
      'invalid',
      `the working directory '${path}' is invalid, it leads through a process`,
    );
  }
  return clean;
}

/**
 * Makes the working directory in the mounted root file system of a container that does not run. Links of the image stay
 * inside it.
 *
 * @returns where it really is in the container.
 * @throws {EngineError} `invalid` when a file is in the way, or links lead round in circles or through a process.
 */
export function ensureWorkingDirectory(
  root: string,
  path: string,
  owner: { readonly uid: number; readonly gid: number } = { uid: 0, gid: 0 },
): string {
  const clean = checkWorkingDirectory(path || '/');
  try {
    return checkWorkingDirectory(ensureDirectoryInRoot(root, clean, owner));
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) {
      throw new EngineError('invalid', `Cannot mkdir: ${clean} is not a directory`, { cause: error });
    }
    if (isErrno(error, 'ELOOP', 'ENAMETOOLONG')) {
      throw new EngineError('invalid', `the working directory '${path}' is invalid`, { cause: error });
    }
    throw error;
  }
}
