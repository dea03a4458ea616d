import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Abortable } from '#base/abortable';
import { newId } from '#base/ids';
import { KeyedMutex } from '#base/keyed-mutex';
import type { JailPool } from '#store/jail-pool';
import type { BuildFolders } from './build-folders.ts';
import type { MountRecord, MountTable } from './mount-table.ts';

export interface CacheMountsDeps {
  readonly table: MountTable;
  readonly folders: BuildFolders;
  readonly jail: Pick<JailPool, 'removeTree' | 'usage'>;
}

export interface CacheMountRequest {
  readonly id: string;
  readonly sharing: 'shared' | 'private' | 'locked';
  /** of the folder, when it is made */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A folder that a step may use until it is disposed. */
export interface CacheMount extends Disposable {
  readonly path: string;
}

/**
 * Folders that stay from one build to the next, by the id that RUN gives them. `shared`: for all at once; `locked`: one after the other;
 * `private`: whoever finds it in use gets another one.
 */
export class CacheMounts {
  readonly #deps: CacheMountsDeps;
  readonly #users = new Map<string, number>();
  readonly #locks = new KeyedMutex();
  /** as they were when somebody last looked, by folder */
  readonly #sizes = new Map<string, number>();

  constructor(deps: CacheMountsDeps) {
    this.#deps = deps;
  }

  async acquire(request: CacheMountRequest, options: Abortable): Promise<CacheMount> {
    const name = this.#nameFor(request);
    const lock = request.sharing === 'locked' ? await this.#locks.lock(name, options) : undefined;
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    try {
      const path = this.#ensure(name, request);
      return { path, [Symbol.dispose]: () => this.#release(name, lock) };
    } catch (error) {
      this.#release(name, lock);
      throw error;
    }
  }

  list(): MountRecord[] {
    return this.#deps.table.list();
  }

  isInUse({ name }: Pick<MountRecord, 'name'>): boolean {
    return this.#users.has(name);
  }

  /** As it was when a step last let go of it, or at the last {@link measure}. */
  sizeOf({ id }: MountRecord): number {
    return this.#sizes.get(id) ?? 0;
  }

  /** Adds them all up. */
  async measure(options: Abortable = {}): Promise<void> {
    for (const record of this.list()) await this.#measure(record.id, options);
  }

  /** Row, then disk: what a crash leaves is swept. Happy to find one in use, which stays. */
  async remove(record: MountRecord): Promise<void> {
    if (this.isInUse(record)) return;
    this.#deps.table.delete(record.name);
    await this.#deps.jail.removeTree(this.#path(record.id));
  }

  /** At start: folders that no row knows. */
  async sweep(): Promise<void> {
    // In this order: a build that goes on may make one at any time, folder and row at once.
    const names = await readdir(this.#deps.folders.mounts);
    const known = new Set(this.list().map(({ id }) => id));
    for (const name of names) {
      if (!known.has(name)) await this.#deps.jail.removeTree(this.#path(name));
    }
  }

  #nameFor({ id, sharing }: CacheMountRequest): string {
    if (sharing !== 'private') return id;
    for (let number = 0; ; number += 1) {
      const name = number === 0 ? id : `${id}\0${number}`;
      if (!this.#users.has(name)) return name;
    }
  }

  #ensure(name: string, { id, mode, uid, gid }: CacheMountRequest): string {
    const { table } = this.#deps;
    const now = Date.now();
    const known = table.find(name);
    if (known && existsSync(this.#path(known.id))) {
      table.noteUse(name, now);
      return this.#path(known.id);
    }
    const folder = newId<string>().slice(0, 25);
    const path = this.#path(folder);
    mkdirSync(path);
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    if (known) table.delete(name);
    table.insert({
      name,
      id: folder,
      description: `cached mount ${id}`,
      createdAt: now,
      lastUsedAt: now,
      useCount: 1,
    });
    return path;
  }

  #release(name: string, lock: Disposable | undefined): void {
    const left = (this.#users.get(name) ?? 1) - 1;
    if (left > 0) this.#users.set(name, left);
    else this.#users.delete(name);
    lock?.[Symbol.dispose]();
    const id = this.#deps.table.find(name)?.id;
    // For lists alone: what cannot be added up counts as it did.
    if (id !== undefined) this.#measure(id, {}).catch(() => undefined);
  }

  async #measure(id: string, options: Abortable): Promise<void> {
    const path = this.#path(id);
    if (!existsSync(path)) return;
    this.#sizes.set(id, (await this.#deps.jail.usage(path, options)).sizeBytes);
  }

  #path(id: string): string {
    return join(this.#deps.folders.mounts, id);
  }
}
