import { mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { EngineError } from '#base/errors';
import { bindPart } from '#store/bind-part';
import type { NotFound } from '#store/look-at';
import { isErrno } from '#sys/sys-error';
import { subpathNotFound } from './errors.ts';
import type { SlowMounts, VolumeMounts } from './tree-jail.ts';

interface VolumeAt {
  readonly name: string;
  /** where its content is on this host */
  readonly directory: string;
}

/**
 * Parts of volumes, each bound for one container to a place that nobody else can change: whatever the users of the
 * volume do to the path meanwhile, the container gets what was looked at, and it was inside the volume.
 *
 *   <root>/CONTAINER/VOLUME/N        a directory or file to bind
 */
export class VolumeSubpaths {
  readonly #root: string;
  readonly #mounts: VolumeMounts;
  readonly #slow: SlowMounts;

  constructor(root: string, { mounts, slow }: { readonly mounts: VolumeMounts; readonly slow: SlowMounts }) {
    this.#root = root;
    this.#mounts = mounts;
    this.#slow = slow;
  }

  /** @returns the host path to bind. @throws {EngineError} `invalid` when the volume does not have the path. */
  bind({ name, directory }: VolumeAt, subpath: string, containerId: string): string {
    const target = this.#newTarget(name, containerId);
    const problem = bindPart(this.#mounts, { root: directory, path: subpath, target });
    if (problem) throw subpathProblem(directory, subpath, problem);
    return target;
  }

  /**
   * The same of a volume that may not answer.
   * @param within gives up on it after a while @throws what that throws; what is bound later is taken down again.
   */
  async bindFar(
    { name, directory }: VolumeAt,
    subpath: string,
    containerId: string,
    within: <T>(look: () => Promise<T>) => Promise<T>,
  ): Promise<string> {
    const target = this.#newTarget(name, containerId);
    let isWanted = true;
    const bind = async (): Promise<NotFound | undefined> => {
      const problem = await this.#slow.bindPart({ root: directory, path: subpath, target });
      if (!isWanted && !problem) this.#remove(target);
      return problem;
    };
    try {
      const problem = await within(bind);
      if (problem) throw subpathProblem(directory, subpath, problem);
      return target;
    } catch (error) {
      isWanted = false;
      throw error;
    }
  }

  #newTarget(name: string, containerId: string): string {
    const parent = join(this.#root, containerId, name);
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    return join(parent, String(readdirSync(parent).length));
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

function subpathProblem(directory: string, subpath: string, problem: NotFound): EngineError {
  const { errno } = constants;
  const reason =
    problem.errno === errno.ENOENT
      ? 'no such file or directory'
      : problem.errno === errno.ENOTDIR
        ? 'not a directory'
        : problem.message;
  return subpathNotFound(join(directory, subpath), reason);
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
