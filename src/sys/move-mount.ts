import { check, declare } from './libc.ts';

/** linux/mount.h, fcntl.h; the same on every architecture */
const SYS_MOVE_MOUNT = 429;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const AT_FDCWD = -100;

const cMoveMount = declare(
  'long syscall(long number, int fromFd, const char *from, int toFd, const char *to, unsigned int flags)',
);

/**
 * Puts a mount that is nowhere into the tree (move_mount(2)).
 *
 * @param target a path, or a descriptor: exactly what that is a handle of, whatever its path leads to by now
 * @throws {SysError}
 */
export function moveMount(mountFd: number, target: string | number): void {
  const [toFd, to, flags] =
    typeof target === 'string'
      ? ([AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH] as const)
      : ([target, '', MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH] as const);
  check('move_mount', cMoveMount(SYS_MOVE_MOUNT, mountFd, '', toFd, to, flags), `${target}`);
}
