import { chmodSync, chownSync, closeSync, constants, fstatSync, opendirSync, type Stats } from 'node:fs';
import { openInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';

const PERMISSIONS = 0o7777;

/**
 * The part of a copy-up that needs no copying, which is most of them: nothing at that path of the image, or an empty
 * directory, of which only owner and mode are taken over. Links of the image stay inside `root`.
 *
 * @returns `false` when there is content to copy.
 */
export function copyUpAtOnce(
  { root, path }: { readonly root: string; readonly path: string },
  target: string,
): boolean {
  let fd: number;
  try {
    fd = openInRoot(root, path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return true;
    throw error;
  }
  try {
    if (!isEmpty(fd)) return false;
    takeOver(fstatSync(fd), target);
    return true;
  } finally {
    closeSync(fd);
  }
}

function isEmpty(fd: number): boolean {
  using directory = opendirSync(`/proc/self/fd/${fd}`);
  return directory.readSync() === null;
}

/** `target` is the volume's own directory: no user of the volume can have made it something else. */
function takeOver({ uid, gid, mode }: Stats, target: string): void {
  chownSync(target, uid, gid);
  chmodSync(target, mode & PERMISSIONS); // after the owner: changing that clears set-user-ID bits
}
