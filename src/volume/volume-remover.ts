import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import type { TreeJail, VolumeMounts } from './tree-jail.ts';
import type { VolumeDirectories } from './volume-directories.ts';
import type { VolumeTable } from './volume-table.ts';

/** The disk side of a removal: at once out of the way, then deleted in the background. */
export class VolumeRemover {
  readonly #table: VolumeTable;
  readonly #directories: VolumeDirectories;
  readonly #jail: TreeJail;
  readonly #mounts: VolumeMounts;
  readonly #logger: Logger;
  readonly #background = new Set<Promise<void>>();

  constructor(deps: {
    readonly table: VolumeTable;
    readonly directories: VolumeDirectories;
    readonly jail: TreeJail;
    readonly mounts: VolumeMounts;
    readonly logger: Logger;
  }) {
    this.#table = deps.table;
    this.#directories = deps.directories;
    this.#jail = deps.jail;
    this.#mounts = deps.mounts;
    this.#logger = deps.logger;
  }

  /** For a volume whose row is gone. Its name is free when this returns. */
  remove(name: string): void {
    this.#mounts.unmount(this.#directories.data(name));
    for (const { id } of this.#table.snapshots(name)) {
      this.#table.deleteSnapshot(id);
      const folder = this.#directories.discardSnapshot(id);
      if (folder !== undefined) this.delete(folder);
    }
    const trash = this.#directories.discard(name);
    this.#table.endRemoval(name);
    if (trash !== undefined) this.delete(trash);
  }

  /** What an earlier engine had no time to remove. */
  resume(): void {
    this.#directories.sweep(new Set(this.#table.snapshots().map(({ id }) => id)));
    for (const path of this.#directories.trash()) this.delete(path);
    for (const name of this.#table.removals()) this.remove(name);
  }

  /** Resolves when all that was removed so far is gone from the disk. */
  async settled(): Promise<void> {
    await Promise.all(this.#background);
  }

  /** The data first, by itself: it may be a file system's subvolume, whose depths cannot be moved up to our directories. */
  async #removeTree(path: string): Promise<void> {
    const isFolder = lstatSync(path, { throwIfNoEntry: false })?.isDirectory(); // archives are thrown away, too
    if (isFolder) await this.#jail.removeTree(join(path, '_data'));
    await this.#jail.removeTree(path);
  }

  /** In the background. */
  delete(path: string): void {
    const done = this.#removeTree(path)
      .catch((error: unknown) => {
        this.#logger.warn('cannot delete the data of a removed volume', { path, error: messageOf(error) });
      })
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}
