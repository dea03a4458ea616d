import { closeSync, mkdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { O_PATH } from '#sys/descriptors';
import { linuxMounts } from '#sys/mount';
import { cloneMountTree } from '#sys/mount-tree';
import { moveMount } from '#sys/move-mount';
import { openInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';

export interface BindIntoInput {
  /** the host's path of a tree that a container made */
  readonly root: string;
  /** absolute in it; where there is nothing, nothing is bound */
  readonly destination: string;
  /** what is bound, on the host */
  readonly source: string;
  readonly options: readonly string[];
  /** where nobody else can reach: nothing is there, before and after */
  readonly scratch: string;
}

/**
 * By a handle of the place: a volume that another container writes to may have links on the way. The bind gets its flags at
 * the scratch, and is then put in its place.
 */
export function bindInto({ root, destination, source, options, scratch }: BindIntoInput): void {
  const place = openPlace(root, destination);
  if (place === undefined) return;
  try {
    if (statSync(source).isDirectory()) mkdirSync(scratch);
    else writeFileSync(scratch, '');
    linuxMounts.mount(scratch, { type: 'bind', source, options });
    const tree = cloneMountTree(scratch);
    try {
      moveMount(tree, place);
    } finally {
      closeSync(tree);
    }
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR')) throw error; // a directory over a file: it could not be started either
  } finally {
    closeSync(place);
    linuxMounts.unmount(scratch);
    removePlace(scratch);
  }
}

/** A handle of where something is to be mounted; `undefined` when that is not there. */
export function openPlace(root: string, destination: string): number | undefined {
  try {
    return openInRoot(root, destination, O_PATH);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

function removePlace(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) rmdirSync(path);
  else rmSync(path, { force: true });
}
