import { closeSync, constants, fstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { O_PATH } from '#sys/descriptors';
import type { Mounts } from '#sys/mount';
import { openInRoot } from '#sys/openat2';
import { SysError } from '#sys/sys-error';
import type { NotFound } from './look-at.ts';

export interface BindPartInput {
  /** trusted path of a tree that others change */
  readonly root: string;
  /** in it: links on the way stay inside */
  readonly path: string;
  /** what does not exist yet, where nobody else can write */
  readonly target: string;
}

/**
 * Binds what a tree has at a path to a place of its own: that very file or directory, whatever becomes of the path.
 *
 * @returns why it could not be opened; then nothing was made.
 */
export function bindPart(
  mounts: Pick<Mounts, 'mount'>,
  { root, path, target }: BindPartInput,
): NotFound | undefined {
  let fd: number;
  try {
    fd = openInRoot(root, path, O_PATH);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return { errno: error.errno, message: error.message };
  }
  try {
    if ((fstatSync(fd).mode & constants.S_IFMT) === constants.S_IFDIR) mkdirSync(target);
    else writeFileSync(target, '', { flag: 'wx' });
    mounts.mount(target, { type: 'none', source: `/proc/self/fd/${fd}`, options: ['bind'] });
    return undefined;
  } finally {
    closeSync(fd);
  }
}
