import { posix } from 'node:path';
import { EngineError } from '#base/errors';
import type { Found, Look } from '#store/look-at';
import { S_IFDIR, S_IFMT } from '#sys/at';
import { isErrno, SysError } from '#sys/sys-error';
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

/** @throws {EngineError} `notFound`, `invalid`: what was looked for is not there, or cannot be looked at. */
export function foundAt(look: Look, path: string, container: string): Found {
  if (!('errno' in look)) return look;
  const cause = new SysError('openat2', look.errno, path);
  if (isErrno(cause, 'ENOENT', 'ENOTDIR')) throw fileNotFound(path, container, cause);
  if (isErrno(cause, 'ELOOP'))
    throw new EngineError('invalid', `${path}: links that lead round in circles, or to a process`, { cause });
  if (isErrno(cause, 'EACCES', 'EPERM'))
    throw new EngineError('invalid', `${path}: permission denied`, { cause });
  if (isErrno(cause, 'ENAMETOOLONG')) throw new EngineError('invalid', 'file name too long', { cause });
  throw cause;
}

export function statOf({ size, mode, mtimeMs, linkTarget }: Found, path: string): PathStat {
  const name = path.endsWith('/.') ? '.' : posix.basename(path) || '/';
  return { name, size, mode, mtimeMs, linkTarget };
}

/** @throws {EngineError} `invalid` for what is no file that could be copied. */
export function checkSource({ isKernelMade }: Found, path: string, container: string): void {
  if (!isKernelMade) return;
  throw new EngineError(
    'invalid',
    `${path} in container ${container} is made up by the kernel, and no file to copy: docker exec CONTAINER cat ${path} reads it`,
  );
}

/** @throws {EngineError} `invalid` when it is no directory; `forbidden` when nothing can be written there. */
export function checkDestination(
  { mode, isReadOnly, isKernelMade, realPath }: Found,
  { isForReading }: Pick<RootView, 'isForReading'>,
  path: string,
  { hostConfig, mounts }: Container,
): void {
  if ((mode & S_IFMT) !== S_IFDIR) throw new EngineError('invalid', 'extraction point is not a directory');
  if (isKernelMade)
    throw new EngineError('invalid', `${path} is made by the kernel: nothing is copied there`);
  if (!isReadOnly || isForReading) return;
  const isInMount = mounts.some(
    ({ destination }) => realPath === destination || realPath.startsWith(`${destination}/`),
  );
  // Docker's wording
  throw new EngineError(
    'forbidden',
    hostConfig.ReadonlyRootfs && !isInMount
      ? 'container rootfs is marked read-only'
      : 'mounted volume is marked read-only',
  );
}

/** Docker's wording (moby daemon/archive.go). */
function fileNotFound(path: string, container: string, cause: unknown): EngineError {
  return new EngineError('notFound', `Could not find the file ${path} in container ${container}`, { cause });
}
