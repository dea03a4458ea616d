import type { Abortable } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { isKind } from '#base/errors';
import { newId } from '#base/ids';
import { KeyedMutex } from '#base/keyed-mutex';
import type { Logger } from '#base/logger';
import type { Database } from '#store/database';
import { unknownVolumeDriver, volumeInUse, volumeNameTaken, volumeNotFound } from './errors.ts';
import { localMount } from './local-options.ts';
import type { TreeJail, VolumeMounts } from './tree-jail.ts';
import type { Volume } from './volume.ts';
import { type StrayDirectory, VolumeDirectories } from './volume-directories.ts';
import { VolumeMounting, type VolumeMountOptions } from './volume-mounting.ts';
import { checkVolumeName } from './volume-name.ts';
import { VolumeRemover } from './volume-remover.ts';
import { VolumeTable } from './volume-table.ts';

export interface VolumeCreateOptions {
  /** absent or empty: a random 64-digit name, and the volume is anonymous */
  readonly name?: string;
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  /** a container that refers to it from the start, noted in the same commit */
  readonly userId?: string;
}

export interface VolumeDeps {
  readonly db: Database;
  /** the directory `…/volumes` */
  readonly root: string;
  readonly jail: TreeJail;
  readonly mounts: VolumeMounts;
  readonly events: EventSink;
  readonly logger: Logger;
}

/** On every anonymous volume, as Docker has it: tools tell them by it. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous';
const LOCAL = 'local';

/**
 * Named and anonymous volumes of the local driver: directories, or file systems mounted on first use and unmounted
 * with their last user.
 *
 * Create: disk → row → event. Remove: row → event → disk, where the row's last commit notes what is to go, so that
 * a removal cut short is finished at the next start and never mistaken for a volume whose row was lost.
 */
export class VolumeService {
  readonly #table: VolumeTable;
  readonly #directories: VolumeDirectories;
  readonly #locks = new KeyedMutex();
  readonly #db: Database;
  readonly #jail: TreeJail;
  readonly #events: EventSink;
  readonly #logger: Logger;
  readonly #remover: VolumeRemover;
  readonly #mounting: VolumeMounting;

  constructor({ db, root, jail, mounts, events, logger }: VolumeDeps) {
    this.#db = db;
    this.#table = new VolumeTable(db);
    this.#directories = new VolumeDirectories(root);
    this.#jail = jail;
    this.#events = events;
    this.#logger = logger;
    this.#directories.prepare();
    const parts = { table: this.#table, directories: this.#directories, jail, mounts, logger };
    this.#remover = new VolumeRemover(parts);
    this.#mounting = new VolumeMounting({ ...parts, locks: this.#locks, events });
  }

  /**
   * Idempotent for a known name with the same driver: labels and options of the first call stay.
   *
   * @throws {EngineError} `conflict` when the driver differs, `notFound` for an unknown driver, `invalid` for a bad
   * name or options.
   */
  async create(options: VolumeCreateOptions, abortable: Abortable = {}): Promise<Volume> {
    const isAnonymous = !options.name;
    const name = options.name || newId<string>();
    checkVolumeName(name);
    using _lock = await this.#locks.lock(name, abortable);
    const known = this.#table.find(name);
    if (known) return this.#reuse(known, options);
    const volume = this.#createLocked(name, isAnonymous, options);
    await this.#db.synced();
    return volume;
  }

  #reuse(known: Volume, { driver, userId }: VolumeCreateOptions): Volume {
    if (driver && driver !== known.driver) throw volumeNameTaken(known.name, known.driver);
    if (userId !== undefined) this.#table.addUser(known.name, userId);
    return known;
  }

  #createLocked(name: string, isAnonymous: boolean, request: VolumeCreateOptions): Volume {
    const { driver, labels = {}, options = {}, userId } = request;
    if (driver && driver !== LOCAL) throw unknownVolumeDriver(name, driver);
    localMount(name, options);
    this.#directories.create(name);
    const volume = this.#newVolume(name, {
      isAnonymous,
      labels: isAnonymous ? { ...labels, [ANONYMOUS_LABEL]: '' } : labels,
      options,
    });
    this.#db.transaction(() => {
      this.#table.insert(volume);
      if (userId !== undefined) this.#table.addUser(name, userId);
    });
    this.#emit('create', name, { driver: LOCAL });
    return volume;
  }

  /** @throws `notFound` with Docker's wording `get NAME: no such volume`. */
  get(name: string): Volume {
    const volume = this.#table.find(name);
    if (!volume) throw volumeNotFound(name);
    return volume;
  }

  find(name: string): Volume | undefined {
    return this.#table.find(name);
  }

  list(): Volume[] {
    return this.#table.list();
  }

  /** Containers (by ID) that refer to the volume. */
  usersOf(name: string): string[] {
    return this.#table.usersOf(name);
  }

  /** Anonymous volumes that only this container refers to: what goes with it when it is removed with its volumes. */
  anonymousOf(containerId: string): string[] {
    return this.#table.soleUses(containerId).filter(name => this.#table.find(name)?.isAnonymous);
  }

  /** Notes that a container refers to a volume; undone by {@link releaseAll}. Both idempotent. @throws `notFound`. */
  addUser(name: string, containerId: string): void {
    this.get(name);
    this.#table.addUser(name, containerId);
  }

  releaseAll(containerId: string): void {
    this.#table.removeUser(containerId);
  }

  /** @throws `notFound`, or `conflict` (`remove NAME: volume is in use - [ids]`) while a container refers to it. */
  async remove(name: string, options: Abortable = {}): Promise<void> {
    using _lock = await this.#locks.lock(name, options);
    const volume = this.get(name);
    const users = this.#table.usersOf(name);
    if (users.length > 0) throw volumeInUse(name, users);
    this.#table.deleteForRemoval(name); // point of no return: the caller's signal no longer counts
    this.#emit('destroy', name, { driver: volume.driver });
    this.#remover.remove(name);
  }

  /** Resolves when what was removed is gone from the disk, too. */
  async settled(): Promise<void> {
    await this.#remover.settled();
  }

  /**
   * Makes the volume's directory usable, mounting it if its options ask for that. Counted per container.
   *
   * @returns the host path to bind.
   * @throws {EngineError} `notFound`, `invalid` when it cannot be mounted.
   */
  async mount(name: string, containerId: string, options: VolumeMountOptions = {}): Promise<string> {
    return await this.#mounting.mount(this.get(name), containerId, options);
  }

  /** Undoes {@link mount}; the last container's unmounts. Idempotent, and happy when the volume is gone. */
  async unmount(name: string, containerId: string): Promise<void> {
    await this.#mounting.unmount(name, containerId);
  }

  /**
   * Fills an empty volume with what `root` has at `path`, with owners, modes and links, and gives the volume's
   * directory that path's owner and mode. Resolves `path` inside a jail at `root`: links never lead out.
   *
   * A volume with one user gets its content whole or not at all, also when the engine is killed in between.
   */
  async copyUp(name: string, root: string, path: string, options: Abortable = {}): Promise<void> {
    await this.#mounting.copyUp(this.get(name), { root, path }, options);
  }

  /** Removes volumes no container refers to: anonymous ones, or all. @returns names and bytes freed. */
  async prune(
    options: Abortable & { readonly all: boolean; readonly accepts: (volume: Volume) => boolean },
  ): Promise<{
    readonly removed: readonly string[];
    readonly freedBytes: number;
  }> {
    const removed: string[] = [];
    let freedBytes = 0;
    for (const volume of this.#table.list()) {
      if (!(options.all || volume.isAnonymous) || !options.accepts(volume)) continue;
      if (this.#table.usersOf(volume.name).length > 0) continue;
      const bytes = await this.#removeIfUnused(volume.name, options);
      if (bytes === undefined) continue;
      removed.push(volume.name);
      freedBytes += bytes;
    }
    this.#emit('prune', '', { reclaimed: String(freedBytes) });
    return { removed, freedBytes };
  }

  /** @returns bytes freed; `undefined` when somebody was quicker to take it, or to remove it. */
  async #removeIfUnused(name: string, options: Abortable): Promise<number | undefined> {
    try {
      const bytes = await this.usage(name, options);
      await this.remove(name, options);
      return bytes;
    } catch (error) {
      if (isKind(error, 'conflict') || isKind(error, 'notFound')) return undefined;
      throw error;
    }
  }

  /** Bytes of content in the volume's directory. */
  async usage(name: string, options: Abortable = {}): Promise<number> {
    return await this.#jail.diskUsage(this.get(name).mountpoint, options);
  }

  /**
   * At start-up, before anything else: finishes removals, forgets containers that are gone, unmounts what no running
   * container uses, and adopts directories without a row. Data is never deleted unless its removal was asked for.
   */
  async restore(containers: {
    readonly existing: ReadonlySet<string>;
    readonly running: ReadonlySet<string>;
  }): Promise<void> {
    this.#remover.resume();
    for (const user of this.#table.users()) {
      if (!containers.existing.has(user)) this.#table.removeUser(user);
    }
    const volumes = this.#table.list();
    await this.#mounting.restore(volumes, containers.running);
    for (const stray of this.#directories.strays(new Set(volumes.map(({ name }) => name))))
      this.#adopt(stray);
  }

  /** A directory whose row was lost may be all that is left of somebody's data: it becomes a named volume. */
  #adopt({ name, isEmpty }: StrayDirectory): void {
    if (isEmpty) return this.#directories.removeEmpty(name); // a creation that was cut short: nothing is lost
    try {
      checkVolumeName(name);
    } catch {
      return this.#logger.warn('a directory among the volumes is none', { volume: name });
    }
    this.#table.insert(this.#newVolume(name, { isAnonymous: false, labels: {}, options: {} }));
    this.#logger.warn('a volume without a record was found and is kept', { volume: name });
    this.#emit('create', name, { driver: LOCAL });
  }

  #newVolume(name: string, kind: Pick<Volume, 'isAnonymous' | 'labels' | 'options'>): Volume {
    return {
      name,
      driver: LOCAL,
      mountpoint: this.#directories.data(name),
      createdAt: Date.now(),
      scope: 'local',
      ...kind,
    };
  }

  #emit(action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    this.#events.emit({ type: 'volume', action, actor: { id, attributes } });
  }
}
