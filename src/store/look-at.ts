import { closeSync, constants, fstatSync } from 'node:fs';
import { readlinkAt, S_IFLNK, S_IFMT } from '#sys/at';
import { O_PATH } from '#sys/descriptors';
import { fileSystemFacts } from '#sys/file-system-facts';
import { openInRoot, resolveInRoot } from '#sys/openat2';
import { isErrno, SysError } from '#sys/sys-error';

export interface LookAtInput {
  /** trusted path of a tree, or a descriptor of it, which stays the caller's */
  readonly root: string | number;
  /** in it: links on the way stay inside */
  readonly path: string;
  /** whether a link at its end is followed */
  readonly follows: boolean;
}

/** What is at a path. */
export interface Found {
  readonly size: number;
  /** st_mode of stat(2) */
  readonly mode: number;
  readonly mtimeMs: number;
  /** of a link: where it ends, as far as that exists */
  readonly linkTarget: string;
  /** the path without links */
  readonly realPath: string;
  readonly isReadOnly: boolean;
  readonly isKernelMade: boolean;
}

/** Why there is nothing to be seen. */
export interface NotFound {
  readonly errno: number;
  readonly message: string;
}

export type Look = Found | NotFound;

/** Looks at a path of an untrusted tree. It may take as long as the file system likes: of a server it belongs in a thread. */
export function lookAt({ root, path, follows }: LookAtInput): Look {
  try {
    const fd = openInRoot(root, path, O_PATH | (follows ? 0 : constants.O_NOFOLLOW));
    try {
      const { size, mode, mtimeMs } = fstatSync(fd);
      const isLink = (mode & S_IFMT) === S_IFLNK;
      const realPath = follows ? resolveInRoot(root, path) : '';
      return {
        size,
        mode,
        mtimeMs,
        linkTarget: isLink ? linkTarget(root, path, fd) : '',
        realPath,
        ...fileSystemFacts(fd),
      };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return { errno: error.errno, message: error.message };
  }
}

function linkTarget(root: string | number, path: string, fd: number): string {
  try {
    return resolveInRoot(root, path);
  } catch (error) {
    if (!isErrno(error, 'ELOOP')) throw error;
    return readlinkAt(fd, '').toString('utf8').slice(0, -1); // without its NUL
  }
}
