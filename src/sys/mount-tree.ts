import { O_CLOEXEC } from './descriptors.ts';
import { check, declare } from './libc.ts';

/** linux/mount.h, fcntl.h; the same on every architecture */
const SYS_OPEN_TREE = 428;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;

const cOpenTree = declare('long syscall(long number, int dirfd, const char *path, unsigned int flags)');

/**
 * A copy of the mount at `path` and of all below it that is in no mount table: it is there for whoever has the descriptor, and
 * ends with it (open_tree(2)). The caller closes it.
 *
 * @throws {SysError}
 */
export function cloneMountTree(path: string): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW;
  return check('open_tree', cOpenTree(SYS_OPEN_TREE, AT_FDCWD, path, flags), path);
}
