import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { LAYER_TAR } from '#store/layer-files';
import { removeTree } from '#sys/remove-tree';
import { isErrno } from '#sys/sys-error';

/** Removing this much takes less than a millisecond: no thread is woken for it. */
const SMALL = { maxEntries: 100, maxFileBytes: 1024 * 1024 };

export interface SnapshotDirectoriesDeps {
  /** `<data root>/snapshots` */
  readonly root: string;
  readonly jail: { removeTree(path: string): Promise<void> };
  readonly logger: Logger;
}

/**
 * The files of snapshots:
 *
 *   <root>/<number>/fs     the tree: a layer, or what a container wrote
 *   <root>/<number>/layer.tar, layer.erofs   a layer that is mounted at fs: see ErofsLayers
 *   <root>/<number>/work   scratch space of overlayfs, for active ones
 *   <root>/new/<number>    a layer that is being unpacked
 *   <root>/trash/…         waits for removal
 */
export class SnapshotDirectories {
  readonly #deps: SnapshotDirectoriesDeps;
  readonly #removals = new Set<Promise<void>>();
  #trashed = 0;

  constructor(deps: SnapshotDirectoriesDeps) {
    this.#deps = deps;
    for (const path of [deps.root, join(deps.root, 'new'), join(deps.root, 'trash')]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
    }
  }

  fs(id: number): string {
    return join(this.#deps.root, String(id), 'fs');
  }

  work(id: number): string {
    return join(this.#deps.root, String(id), 'work');
  }

  /** Makes the directories of an active snapshot. Its root looks as `below`, as overlayfs shows the upper one. */
  createActive(id: number, below: string | undefined): void {
    mkdirSync(join(this.#deps.root, String(id)), 0o700);
    const fs = this.fs(id);
    mkdirSync(fs, 0o755);
    mkdirSync(this.work(id), 0o700);
    if (below === undefined) return chmodSync(fs, 0o755);
    const { mode, uid, gid } = statSync(below);
    if (uid !== 0 || gid !== 0) chownSync(fs, uid, gid);
    chmodSync(fs, mode & 0o7777);
  }

  /** An empty directory to unpack a layer into. */
  createNew(id: number): string {
    const path = join(this.#deps.root, 'new', String(id));
    mkdirSync(join(path, 'fs'), { recursive: true, mode: 0o700 });
    chmodSync(join(path, 'fs'), 0o755);
    return join(path, 'fs');
  }

  tar(id: number): string {
    return join(this.#deps.root, String(id), LAYER_TAR);
  }

  /** Puts a finished layer in its place; with `isSynced` to stay there through a power cut. */
  async publish(id: number, { isSynced }: { readonly isSynced: boolean }): Promise<void> {
    renameSync(join(this.#deps.root, 'new', String(id)), join(this.#deps.root, String(id)));
    if (!isSynced) return;
    await using handle = await open(this.#deps.root, 'r');
    await handle.sync();
  }

  discardNew(id: number): void {
    this.#discard(join('new', String(id)));
  }

  discard(id: number): void {
    this.#discard(String(id));
  }

  /** Numbers that have a directory. */
  list(): number[] {
    return readdirSync(this.#deps.root).filter(isNumber).map(Number);
  }

  /** Removes what a crash left in `new` and `trash`. */
  sweep(isInUse: (id: number) => boolean): void {
    for (const name of readdirSync(join(this.#deps.root, 'trash'))) this.#removeTrash(name);
    for (const name of readdirSync(join(this.#deps.root, 'new'))) {
      if (!isInUse(Number(name))) this.#discard(join('new', name));
    }
  }

  /** Waits for removals under way. */
  async settled(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals);
  }

  #discard(name: string): void {
    this.#trashed += 1;
    const trash = `${Date.now()}-${process.pid}-${this.#trashed}`;
    try {
      renameSync(join(this.#deps.root, name), join(this.#deps.root, 'trash', trash));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return;
      throw error;
    }
    this.#removeTrash(trash);
  }

  #removeTrash(name: string): void {
    const path = join(this.#deps.root, 'trash', name);
    const removal = this.#removeLater(path)
      .catch((error: unknown) =>
        this.#deps.logger.warn('cannot remove a snapshot; the next start tries again', {
          path,
          error: messageOf(error),
        }),
      )
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  /** Small trees go here, between other work; for big ones a thread is started. */
  async #removeLater(path: string): Promise<void> {
    await new Promise(resolve => setImmediate(resolve));
    if (!removeTree(path, SMALL)) await this.#deps.jail.removeTree(path);
  }
}

function isNumber(name: string): boolean {
  return /^[0-9]+$/.test(name);
}
