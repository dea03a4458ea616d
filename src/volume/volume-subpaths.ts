import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#base/errors';
import { O_PATH } from '#sys/descriptors';
import { openInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import { subpathNotFound } from './errors.ts';
import type { VolumeMounts } from './tree-jail.ts';

/**
 * Parts of volumes, each bound for one container to a place that nobody else can change: whatever the users of the
 * volume do to the path meanwhile, the container gets what was looked at, and it was inside the volume.
 *
 *   <root>/CONTAINER/VOLUME/N        a directory or file to bind
 */
export class VolumeSubpaths {
  readonly #root: string;
  readonly #mounts: VolumeMounts;

  constructor(root: string, mounts: VolumeMounts) {
    this.#root = root;
    this.#mounts = mounts;
  }

  /** @returns the host path to bind. @throws {EngineError} `invalid` when the volume does not have the path. */
  bind(
    { name, directory }: { readonly name: string; readonly directory: string },
    subpath: string,
    containerId: string,
  ): string {
    const fd = openSubpath(directory, subpath);
    try {
      const parent = join(this.#root, containerId, name);
      mkdirSync(parent, { recursive: true, mode: 0o700 });
      const target = join(parent, String(readdirSync(parent).length));
      if ((fstatSync(fd).mode & constants.S_IFMT) === constants.S_IFDIR) mkdirSync(target);
      else writeFileSync(target, '', { flag: 'wx' });
      this.#mounts.mount(target, { type: 'none', source: `/proc/self/fd/${fd}`, options: ['bind'] });
      return target;
    } finally {
      closeSync(fd);
    }
  }

  /** Takes down what a container has of a volume. Idempotent. */
  release(name: string, containerId: string): void {
    const parent = join(this.#root, containerId, name);
    for (const entry of list(parent)) this.#remove(join(parent, entry));
    removeDirectory(parent);
    removeDirectory(join(this.#root, containerId));
  }

  /** The volume has another name: what containers have of it is found by that. */
  renamed(from: string, to: string): void {
    for (const containerId of list(this.#root)) {
      if (list(join(this.#root, containerId)).includes(from))
        renameSync(join(this.#root, containerId, from), join(this.#root, containerId, to));
    }
  }

  /** Takes down what containers have that are not among these. */
  releaseExcept(containers: ReadonlySet<string>): void {
    for (const containerId of list(this.#root)) {
      if (containers.has(containerId)) continue;
      for (const name of list(join(this.#root, containerId))) this.release(name, containerId);
      removeDirectory(join(this.#root, containerId));
    }
  }

  /** Only ever an empty directory or file: should something still be mounted there, its content stays. */
  #remove(target: string): void {
    this.#mounts.unmount(target);
    try {
      rmdirSync(target);
    } catch (error) {
      if (!isErrno(error, 'ENOTDIR')) throw error;
      unlinkSync(target);
    }
  }
}

function openSubpath(directory: string, subpath: string): number {
  try {
    return openInRoot(directory, subpath, O_PATH);
  } catch (error) {
    const reason = isErrno(error, 'ENOENT')
      ? 'no such file or directory'
      : isErrno(error, 'ENOTDIR')
        ? 'not a directory'
        : messageOf(error);
    throw subpathNotFound(join(directory, subpath), reason, error);
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function removeDirectory(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY')) throw error;
  }
}
