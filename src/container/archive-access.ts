import { closeSync, constants, fstatSync } from 'node:fs';
import { posix } from 'node:path';
import { EngineError } from '#base/errors';
import { readlinkAt, S_IFDIR, S_IFLNK, S_IFMT } from '#sys/at';
import { O_PATH } from '#sys/descriptors';
import { fileSystemFacts } from '#sys/file-system-facts';
import { openInRoot, resolveInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import type { Container } from './container.ts';
import type { RootView } from './root-view.ts';

/** What is at a path in a container; a link is not followed. */
export interface PathStat {
  /** last part of the path as it was asked for: `.` for one that ends so */
  readonly name: string;
  readonly size: number;
  /** st_mode of stat(2) */
  readonly mode: number;
  readonly mtimeMs: number;
  /** of a link: where it ends, as far as that exists */
  readonly linkTarget: string;
}

/** The path as it is meant: absolute, clean, and with `/` or `/.` at the end as it was given. @throws {EngineError} `invalid`. */
export function absolutePath(path: string): string {
  if (path === '') throw new EngineError('invalid', 'bad parameter: path cannot be empty');
  if (path.includes('\0')) throw new EngineError('invalid', 'bad parameter: path has a NUL in it');
  const clean = posix.normalize(`/${path}`).replace(/(.)\/$/, '$1');
  if (clean === '/') return clean;
  if (/(?:^|\/)\.$/.test(path)) return `${clean}/.`;
  return path.endsWith('/') ? `${clean}/` : clean;
}

/** @throws {EngineError} `notFound`. */
export function statPath(root: number, path: string, container: string): PathStat {
  const fd = openPath(root, path, constants.O_NOFOLLOW, container);
  try {
    const { size, mode, mtimeMs } = fstatSync(fd);
    const isLink = (mode & S_IFMT) === S_IFLNK;
    return {
      name: path.endsWith('/.') ? '.' : posix.basename(path) || '/',
      size,
      mode,
      mtimeMs,
      linkTarget: isLink ? linkTarget(root, path, fd) : '',
    };
  } finally {
    closeSync(fd);
  }
}

/** @throws {EngineError} `invalid` for what is no file that could be copied. */
export function checkSource(root: number, path: string, container: string): void {
  const fd = openPath(root, path, constants.O_NOFOLLOW, container);
  try {
    if (!fileSystemFacts(fd).isKernelMade) return;
  } finally {
    closeSync(fd);
  }
  throw new EngineError(
    'invalid',
    `${path} in container ${container} is made up by the kernel, and no file to copy: docker exec CONTAINER cat ${path} reads it`,
  );
}

/** @throws {EngineError} `notFound`; `invalid` when it is no directory; `forbidden` when nothing can be written there. */
export function checkDestination(
  { fd: root, isForReading }: Pick<RootView, 'fd' | 'isForReading'>,
  path: string,
  { hostConfig, mounts }: Container,
  reference: string,
): void {
  const fd = openPath(root, path, 0, reference);
  try {
    if ((fstatSync(fd).mode & S_IFMT) !== S_IFDIR)
      throw new EngineError('invalid', 'extraction point is not a directory');
    const { isReadOnly, isKernelMade } = fileSystemFacts(fd);
    if (isKernelMade)
      throw new EngineError('invalid', `${path} is made by the kernel: nothing is copied there`);
    if (!isReadOnly || isForReading) return;
  } finally {
    closeSync(fd);
  }
  const real = resolveInRoot(root, path);
  const isInMount = mounts.some(
    ({ destination }) => real === destination || real.startsWith(`${destination}/`),
  );
  // Docker's wording
  throw new EngineError(
    'forbidden',
    hostConfig.ReadonlyRootfs && !isInMount
      ? 'container rootfs is marked read-only'
      : 'mounted volume is marked read-only',
  );
}

function openPath(root: number, path: string, flags: number, container: string): number {
  try {
    return openInRoot(root, path, O_PATH | flags);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw fileNotFound(path, container, error);
    if (isErrno(error, 'ELOOP'))
      throw new EngineError('invalid', `${path}: links that lead round in circles, or to a process`, {
        cause: error,
      });
    if (isErrno(error, 'EACCES', 'EPERM'))
      throw new EngineError('invalid', `${path}: permission denied`, { cause: error });
    if (isErrno(error, 'ENAMETOOLONG'))
      throw new EngineError('invalid', 'file name too long', { cause: error });
    throw error;
  }
}

/** Docker's wording (moby daemon/archive.go). */
function fileNotFound(path: string, container: string, cause: unknown): EngineError {
  return new EngineError('notFound', `Could not find the file ${path} in container ${container}`, { cause });
}

function linkTarget(root: number, path: string, fd: number): string {
  try {
    return resolveInRoot(root, path);
  } catch (error) {
    if (!isErrno(error, 'ELOOP')) throw error;
    return readlinkAt(fd, '').toString('utf8').slice(0, -1); // without its NUL
  }
}
