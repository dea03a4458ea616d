import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#base/errors';
import { newId } from '#base/ids';
import { AT_FDCWD, exchangeAt } from '#sys/at';
import { createLimitedSubvolume } from '#sys/btrfs';
import { fileSystemName } from '#sys/file-system';
import { enforcesProjectQuotas, exceedsLimit, limitDirectory, releaseLimit } from '#sys/project-quota';
import { isErrno } from '#sys/sys-error';
import type { RootAttributes } from './local-options.ts';

/** Where content is made ready before a volume has it. */
export interface Workplace {
  readonly folder: string;
  readonly data: string;
}

/** What {@link VolumeDirectories.strays} found a directory without a row to be. */
export interface StrayDirectory {
  readonly name: string;
  readonly isEmpty: boolean;
}

/** of an owner, to chown(2) */
const UNCHANGED = 2 ** 32 - 1;
const BTRFS = 'btrfs';
const DATA = '_data';
const TRASH = '.trash';
const WORK = '.work';
const SNAPSHOTS = '.snapshots';
/** what Docker gives each volume; it is the root above that keeps others out */
const PASS_ONLY = 0o701;
/** Nobody else may pass: a set-user-ID program that a container put into a volume must not be run on the host (CVE-2021-41091). */
const OURS_ALONE = 0o700;

/**
 * Directories of local volumes.
 *
 *   <root>/              0700
 *     NAME/              0701
 *       _data/           0755, then whatever its users make of it
 *       .copy-up/        half-made content for `_data`, never looked at again after a crash
 *     .trash/            what is on its way out; emptied at start-up
 *     .work/ID/_data content that is being made ready; trash after a crash
 *     .snapshots/ID/ states of volumes that were kept
 *     .subpaths/         parts of volumes, bound for the containers that use only these
 */
export class VolumeDirectories {
  #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Makes the root, and from then on knows it by its path without links: the kernel's mount table does. Idempotent. */
  prepare(): void {
    makeDirectory(this.#root, OURS_ALONE, { parents: true });
    chmodSync(this.#root, OURS_ALONE);
    this.#root = realpathSync(this.#root);
    makeDirectory(join(this.#root, TRASH), 0o700);
  }

  subpaths(): string {
    return join(this.#root, '.subpaths');
  }

  data(name: string): string {
    return join(this.#root, name, DATA);
  }

  /**
   * Makes a volume's directories, or what is missing of them.
   *
   * @param limitBytes what it may have, where {@link refusesLimits} does not say otherwise
   * @returns whether the data directory is new.
   */
  create(name: string, limitBytes?: number): boolean {
    makeDirectory(join(this.#root, name), PASS_ONLY);
    return makeData(join(this.#root, name), limitBytes);
  }

  /** Why volumes cannot have a limit here: the file system that they are on. */
  refusesLimits(): string | undefined {
    const type = fileSystemName(this.#root);
    return type === BTRFS || enforcesProjectQuotas(this.#root) ? undefined : type;
  }

  /** Gives the data directory an owner and a mode, as far as these are given. */
  setRoot(name: string, attributes: RootAttributes | undefined): void {
    if (!attributes) return;
    const { uid = UNCHANGED, gid = UNCHANGED, mode } = attributes;
    const data = this.data(name);
    chownSync(data, uid, gid);
    if (mode !== undefined) chmodSync(data, mode); // after the owner: changing that clears set-group-ID bits
  }

  /** Gives the volume another name, in one step; who has it mounted does not notice. */
  rename(from: string, to: string): void {
    renameSync(join(this.#root, from), join(this.#root, to));
  }

  exists(name: string): boolean {
    return existsSync(join(this.#root, name));
  }

  /** Makes an empty place for the content of a volume, on the same file system. @returns its data directory. */
  createWorkplace(limitBytes?: number): Workplace {
    const folder = join(this.#root, WORK, newId<string>());
    makeDirectory(join(this.#root, WORK), 0o700);
    makeDirectory(folder, 0o700);
    makeData(folder, limitBytes);
    return { folder, data: join(folder, DATA) };
  }

  /** Whether what was made ready is more than the limit of its place. */
  isTooMuch({ data }: Workplace): boolean {
    return exceedsLimit(data);
  }

  /** Makes a volume of what was made ready, in one step. */
  adopt({ folder }: Workplace, name: string): void {
    chmodSync(folder, PASS_ONLY);
    renameSync(folder, join(this.#root, name));
  }

  /** Gives a volume the content that was made ready, in one step; the workplace then holds what it had. */
  exchange({ data }: Workplace, name: string): void {
    exchangeAt(AT_FDCWD, data, AT_FDCWD, this.data(name));
  }

  /** Keeps what was made ready as a snapshot, in one step. */
  keep({ folder }: Workplace, id: string): void {
    makeDirectory(join(this.#root, SNAPSHOTS), 0o700);
    renameSync(folder, join(this.#root, SNAPSHOTS, id));
  }

  snapshot(id: string): string {
    return join(this.#root, SNAPSHOTS, id, DATA);
  }

  /** Moves a folder of a volume, a snapshot or a workplace out of the way at once. @returns where it is now; `undefined` if there was none. */
  discardFolder(folder: string): string | undefined {
    const trash = join(this.#root, TRASH, newId<string>());
    try {
      renameSync(folder, trash);
      releaseLimit(join(trash, DATA));
      return trash;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  discardSnapshot(id: string): string | undefined {
    return this.discardFolder(join(this.#root, SNAPSHOTS, id));
  }

  /** At start-up: what was being made ready, and snapshots that are none of `known`, become trash. */
  sweep(known: ReadonlySet<string>): void {
    for (const entry of listDirectory(join(this.#root, WORK)))
      this.discardFolder(join(this.#root, WORK, entry));
    for (const entry of listDirectory(join(this.#root, SNAPSHOTS))) {
      if (!known.has(entry)) this.discardSnapshot(entry);
    }
  }

  /** Makes the empty place beside the data where content is made ready. */
  createStaging(name: string): string {
    makeDirectory(this.#staging(name), 0o700);
    return this.#staging(name);
  }

  /** Puts the staged content in the place of the empty data directory, in one step. */
  publishStaging(name: string): void {
    renameSync(this.#staging(name), this.data(name));
  }

  /** Where content was being made ready, if it is still there. */
  findStaging(name: string): string | undefined {
    return existsSync(this.#staging(name)) ? this.#staging(name) : undefined;
  }

  /** Moves a volume's directory out of the way at once. @returns where it is now; `undefined` if there was none. */
  discard(name: string): string | undefined {
    return this.discardFolder(join(this.#root, name));
  }

  /** Undoes {@link create} as long as nothing was put there; otherwise leaves it alone. */
  removeEmpty(name: string): void {
    for (const directory of [this.data(name), join(this.#root, name)]) {
      try {
        rmdirSync(directory);
      } catch (error) {
        if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'ENOTDIR')) throw error;
      }
    }
  }

  /** What an earlier engine threw away and had no time to delete. */
  trash(): string[] {
    return listDirectory(join(this.#root, TRASH)).map(entry => join(this.#root, TRASH, entry));
  }

  #staging(name: string): string {
    return join(this.#root, name, '.copy-up');
  }

  /** Directories that look like volumes and are none of `known`. */
  strays(known: ReadonlySet<string>): StrayDirectory[] {
    return listDirectory(this.#root)
      .filter(name => !name.startsWith('.') && !known.has(name))
      .flatMap(name => {
        const entries = listDirectory(join(this.#root, name));
        if (!entries.includes('_data')) return [];
        return [{ name, isEmpty: isEmptyDirectory(this.data(name)) }];
      });
  }
}

/**
 * With a limit it is a subvolume on btrfs, which is moved, emptied and removed as a directory is; elsewhere a directory with a
 * project of its own.
 *
 * @returns whether it is new.
 */
function makeData(folder: string, limitBytes: number | undefined): boolean {
  const data = join(folder, DATA);
  if (limitBytes === undefined) return makeDirectory(data, 0o755);
  if (existsSync(data)) return false;
  if (fileSystemName(folder) === BTRFS) {
    createLimitedSubvolume(folder, DATA, limitBytes);
    chmodSync(data, 0o755);
    return true;
  }
  makeDirectory(data, 0o755);
  try {
    limitDirectory(data, limitBytes);
  } catch (error) {
    rmdirSync(data);
    throw error;
  }
  return true;
}

/** With the mode as given, whatever the umask. @returns whether it is new. */
function makeDirectory(
  path: string,
  mode: number,
  { parents = false }: { readonly parents?: boolean } = {},
): boolean {
  try {
    const made = mkdirSync(path, { mode, recursive: parents });
    if (parents && made === undefined) return false;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  chmodSync(path, mode);
  return true;
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

export function isEmptyDirectory(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch {
    return false; // not ours to judge, such as a link or a broken mount: kept
  }
}
