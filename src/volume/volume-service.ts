import { existsSync } from 'node:fs';
import type { Abortable } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { isKind } from '#base/errors';
import { newId } from '#base/ids';
import { KeyedMutex } from '#base/keyed-mutex';
import type { Logger } from '#base/logger';
import type { Database } from '#store/database';
import { ArtifactBackups } from './artifact-backups.ts';
import type { ArtifactRegistries } from './artifact-repository.ts';
import { noQuota, volumeInUse, volumeNameTaken, volumeNotFound } from './errors.ts';
import { FarVolumes, isFar } from './far-volumes.ts';
import { localMount, rootAttributes, sizeLimit } from './local-options.ts';
import { type MeasuredSize, SizeTable } from './size-table.ts';
import type { SlowMounts, TreeJail, VolumeMounts } from './tree-jail.ts';
import { LOCAL_DRIVER, type Volume } from './volume.ts';
import { VolumeBackups } from './volume-backups.ts';
import { VolumeContents } from './volume-contents.ts';
import { type StrayDirectory, VolumeDirectories } from './volume-directories.ts';
import { VolumeMounting, type VolumeMountOptions } from './volume-mounting.ts';
import { checkVolumeName } from './volume-name.ts';
import { type PluginFinder, type RemoteVolume, VolumePlugins } from './volume-plugins.ts';
import { VolumeRemover } from './volume-remover.ts';
import { type RenameOptions, VolumeRenamer } from './volume-renamer.ts';
import { VolumeSizes } from './volume-sizes.ts';
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

export interface RemoveOptions extends Abortable {
  /** forget a volume of another driver, even when that refuses or is not there */
  readonly isForced?: boolean;
}

export interface VolumeDeps {
  readonly db: Database;
  /** the directory `…/volumes` */
  readonly root: string;
  readonly jail: TreeJail & SlowMounts;
  /** threads for what clients set the pace of; default: `jail` */
  readonly streams?: TreeJail & SlowMounts;
  /** how long a volume of a server may take to answer; default 20 s */
  readonly answerMs?: number;
  /** whether a container, by ID, is running or paused; default: none is */
  readonly isRunning?: (containerId: string) => boolean;
  readonly mounts: VolumeMounts;
  /** drivers of other vendors */
  readonly plugins: PluginFinder;
  /** where backups go that are artifacts */
  readonly registries: ArtifactRegistries;
  readonly events: EventSink;
  readonly logger: Logger;
}

/** On every anonymous volume, as Docker has it: tools tell them by it. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous';

/**
 * Named and anonymous volumes. Those of the local driver are directories, or file systems mounted on first use and
 * unmounted with their last user; those of other drivers are their plugin's, and we keep who uses them.
 *
 * Create: disk → row → event. Remove: row → event → disk, where the row's last commit notes what is to go, so that
 * a removal cut short is finished at the next start and never mistaken for a volume whose row was lost.
 */
export class VolumeService {
  readonly #table: VolumeTable;
  readonly #directories: VolumeDirectories;
  readonly #locks = new KeyedMutex();
  readonly #db: Database;
  readonly #sizes: VolumeSizes;
  readonly #events: EventSink;
  readonly #logger: Logger;
  readonly #remover: VolumeRemover;
  readonly #mounting: VolumeMounting;
  readonly #plugins: VolumePlugins;
  readonly #renamer: VolumeRenamer;
  /** work with what is in volumes */
  readonly contents: VolumeContents;
  readonly backups: VolumeBackups;
  readonly artifacts: ArtifactBackups;

  constructor(deps: VolumeDeps) {
    const { db, root, jail, mounts, plugins, events, logger } = deps;
    this.#db = db;
    this.#table = new VolumeTable(db);
    this.#directories = new VolumeDirectories(root);
    this.#sizes = new VolumeSizes({
      table: new SizeTable(db),
      measure: async path => {
        try {
          return await jail.usage(path);
        } catch (error) {
          if (existsSync(path)) throw error;
          return { sizeBytes: 0, inodes: 0 }; // it was removed meanwhile
        }
      },
      logger,
    });
    this.#events = events;
    this.#logger = logger;
    this.#directories.prepare();
    const parts = { table: this.#table, directories: this.#directories, jail, mounts, logger };
    this.#remover = new VolumeRemover(parts);
    this.#plugins = new VolumePlugins(plugins);
    const slow = deps.streams ?? jail;
    const far = new FarVolumes({ slow, ...(deps.answerMs !== undefined && { answerMs: deps.answerMs }) });
    this.#mounting = new VolumeMounting({
      ...parts,
      slow,
      far,
      plugins: this.#plugins,
      locks: this.#locks,
      events,
    });
    this.#renamer = new VolumeRenamer({ ...parts, db, mounting: this.#mounting, locks: this.#locks, events });
    this.contents = new VolumeContents({
      ...parts,
      jail: slow,
      far,
      volumes: this,
      isRunning: deps.isRunning ?? (() => false),
      discard: path => this.#remover.delete(path),
      onReplaced: name => this.#sizes.forget(name),
    });
    const access = { get: (name: string) => this.get(name), contents: this.contents };
    this.backups = new VolumeBackups(access);
    this.artifacts = new ArtifactBackups({ ...access, registries: deps.registries });
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
    // As Docker: a name without a driver may be that of a volume which one of the drivers has.
    const owner = isAnonymous || options.driver ? undefined : await this.#plugins.findOwner(name, abortable);
    const driver = options.driver || owner || LOCAL_DRIVER;
    const volume =
      driver === LOCAL_DRIVER
        ? this.#createLocal(name, isAnonymous, options)
        : await this.#createRemote(name, driver, { isAnonymous, request: options }, abortable);
    await this.#db.synced();
    return volume;
  }

  #reuse(known: Volume, { driver, userId }: VolumeCreateOptions): Volume {
    if (driver && driver !== known.driver) throw volumeNameTaken(known.name, known.driver);
    if (userId !== undefined) this.#table.addUser(known.name, userId);
    return known;
  }

  #createLocal(name: string, isAnonymous: boolean, request: VolumeCreateOptions): Volume {
    const { labels = {}, options = {}, userId } = request;
    localMount(name, options);
    const root = rootAttributes(name, options);
    const limit = sizeLimit(name, options);
    const refusing = limit === undefined ? undefined : this.#directories.refusesLimits();
    if (refusing !== undefined) throw noQuota(name, refusing);
    this.#directories.create(name, limit);
    this.#directories.setRoot(name, root);
    const volume = this.#newVolume(name, { isAnonymous, labels: labelsOf(labels, isAnonymous), options });
    return this.#insert(volume, userId);
  }

  /** Made by its driver first: without a row it is still listed, and never lost. */
  async #createRemote(
    name: string,
    driver: string,
    { isAnonymous, request }: { readonly isAnonymous: boolean; readonly request: VolumeCreateOptions },
    abortable: Abortable,
  ): Promise<Volume> {
    const { labels = {}, options = {}, userId } = request;
    const { mountpoint, scope } = await this.#plugins.create(driver, name, options, abortable);
    const kind = { isAnonymous, labels: labelsOf(labels, isAnonymous), options };
    return this.#insert({ ...this.#newVolume(name, kind), driver, mountpoint, scope }, userId);
  }

  #insert(volume: Volume, userId: string | undefined): Volume {
    this.#db.transaction(() => {
      this.#table.insert(volume);
      if (userId !== undefined) this.#table.addUser(volume.name, userId);
    });
    this.#emit('create', volume.name, { driver: volume.driver });
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

  /** Whether to look at what it has may take any time. */
  isFar(name: string): boolean {
    const volume = this.#table.find(name);
    return volume !== undefined && isFar(volume);
  }

  /** Those that the engine knows, by name. */
  list(): Volume[] {
    return this.#table.list();
  }

  /** These and what other drivers have besides; `problems` says which drivers could not be asked. */
  async listAll(
    options: Abortable = {},
  ): Promise<{ readonly volumes: readonly Volume[]; readonly problems: readonly string[] }> {
    const known = this.#table.list();
    const names = new Set(known.map(({ name }) => name));
    const { volumes, problems } = await this.#plugins.list(options);
    const others = volumes
      .filter(({ name }) => !names.has(name))
      .map(remote => foreign(remote, remote.driver));
    return { volumes: [...known, ...others], problems };
  }

  /** As {@link get}, with what the volume's driver tells of it; also of one that only a driver knows. */
  async inspect(name: string, options: Abortable = {}): Promise<Volume> {
    const known = this.#table.find(name);
    if (known?.driver === LOCAL_DRIVER) return known;
    if (known) {
      // A driver that is not there at the moment takes nothing away of what we know.
      const remote = await this.#plugins.find(known.driver, name, options).catch(() => undefined);
      if (!remote) return known;
      const { mountpoint, status } = remote;
      return { ...known, ...(mountpoint !== '' && { mountpoint }), ...(status && { status }) };
    }
    const owner = await this.#plugins.findOwner(name, options);
    const remote = owner === undefined ? undefined : await this.#plugins.find(owner, name, options);
    if (owner === undefined || !remote) throw volumeNotFound(name);
    return foreign(remote, owner);
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
  async remove(name: string, options: RemoveOptions = {}): Promise<void> {
    using _lock = await this.#locks.lock(name, options);
    const volume = this.get(name);
    const users = this.#table.usersOf(name);
    if (users.length > 0) throw volumeInUse(name, users);
    if (volume.driver !== LOCAL_DRIVER) return await this.#removeRemote(volume, options);
    this.#table.deleteForRemoval(name); // point of no return: the caller's signal no longer counts
    this.#sizes.forget(name);
    this.#emit('destroy', name, { driver: volume.driver });
    this.#remover.remove(name);
  }

  /** Its driver first: while that refuses, the volume is there. */
  async #removeRemote(
    { name, driver }: Volume,
    { isForced = false, ...abortable }: RemoveOptions,
  ): Promise<void> {
    try {
      await this.#plugins.remove(driver, name, abortable);
    } catch (error) {
      if (!isForced) throw error;
      this.#logger.warn('a volume is forgotten that its driver did not remove', {
        volume: name,
        driver,
        error,
      });
    }
    this.#table.delete(name);
    this.#emit('destroy', name, { driver });
  }

  /** Gives a volume another name, also while containers use it. @throws as {@link VolumeRenamer.rename}. */
  async rename(name: string, newName: string, options: RenameOptions = {}): Promise<Volume> {
    const renamed = await this.#renamer.rename(name, newName, options);
    this.#sizes.renamed(name, newName);
    return renamed;
  }

  /** A row for a directory that was made ready; the caller holds the lock of the name. */
  register(name: string, labels: Volume['labels']): Volume {
    return this.#insert(this.#newVolume(name, { isAnonymous: false, labels, options: {} }), undefined);
  }

  /** For work on one volume that nothing else may come between. */
  async lock(name: string, options: Abortable = {}): Promise<Disposable> {
    return await this.#locks.lock(name, options);
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
      if (volume.driver !== LOCAL_DRIVER) continue; // as Docker
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
      const bytes = (await this.sizes([this.get(name)], options)).get(name)?.sizeBytes ?? 0;
      await this.remove(name, options);
      return bytes;
    } catch (error) {
      if (isKind(error, 'conflict') || isKind(error, 'notFound')) return undefined;
      throw error;
    }
  }

  /** What the directories of volumes have, by name; those are left out that are not on a disk of ours, or that somebody deleted. */
  async sizes(volumes: readonly Volume[], options: Abortable = {}): Promise<Map<string, MeasuredSize>> {
    const ours = volumes.filter(volume => isDirectoryOfOurs(volume) && existsSync(volume.mountpoint));
    const sizes = await this.#sizes.of(ours, options);
    return new Map(sizes.map((size, index) => [ours[index]?.name ?? '', size]));
  }

  /**
   * At start-up, before anything else: finishes removals, forgets containers that are gone, unmounts what no running
   * container uses, and adopts directories without a row. Data is never deleted unless its removal was asked for.
   */
  async restore(containers: {
    readonly existing: ReadonlySet<string>;
    readonly running: ReadonlySet<string>;
  }): Promise<void> {
    this.#renamer.resume();
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
    this.#emit('create', name, { driver: LOCAL_DRIVER });
  }

  #newVolume(name: string, kind: Pick<Volume, 'isAnonymous' | 'labels' | 'options'>): Volume {
    return {
      name,
      driver: LOCAL_DRIVER,
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

function isDirectoryOfOurs({ name, driver, options }: Volume): boolean {
  return driver === LOCAL_DRIVER && localMount(name, options) === undefined;
}

function labelsOf(labels: Readonly<Record<string, string>>, isAnonymous: boolean): Volume['labels'] {
  return isAnonymous ? { ...labels, [ANONYMOUS_LABEL]: '' } : labels;
}

/** A volume that only its driver has a record of. */
function foreign({ name, mountpoint, createdAt = 0, status }: RemoteVolume, driver: string): Volume {
  return {
    name,
    driver,
    mountpoint,
    createdAt,
    labels: {},
    options: {},
    scope: 'local',
    isAnonymous: false,
    ...(status && { status }),
  };
}
