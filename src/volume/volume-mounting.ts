import { type Abortable, orAborted } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import type { KeyedMutex } from '#base/keyed-mutex';
import type { Logger } from '#base/logger';
import { copyUpAtOnce } from './copy-up.ts';
import { volumeMountFailed } from './errors.ts';
import { type FarVolumes, isFar } from './far-volumes.ts';
import { type LocalMount, localMount, rootAttributes, sizeLimit } from './local-options.ts';
import { RemoteMounts } from './remote-mounts.ts';
import { withServerAddress } from './server-address.ts';
import type { SlowMounts, TreeJail, VolumeMounts } from './tree-jail.ts';
import { LOCAL_DRIVER, type Volume } from './volume.ts';
import { isEmptyDirectory, type VolumeDirectories } from './volume-directories.ts';
import type { VolumePlugins } from './volume-plugins.ts';
import { VolumeSubpaths } from './volume-subpaths.ts';
import type { VolumeTable } from './volume-table.ts';

export interface VolumeMountOptions extends Abortable {
  /** what the `mount` event tells about it: destination, propagation, … */
  readonly attributes?: Readonly<Record<string, string>>;
  /** only this part of it: a relative path, resolved inside the volume */
  readonly subpath?: string;
}

export interface VolumeMountingDeps {
  readonly table: VolumeTable;
  readonly directories: VolumeDirectories;
  /** by volume name, shared with the service */
  readonly locks: KeyedMutex;
  readonly jail: TreeJail;
  readonly mounts: VolumeMounts;
  /** where mounts that take long, and what is on them, hold up nobody else */
  readonly slow: SlowMounts;
  readonly far: FarVolumes;
  readonly plugins: VolumePlugins;
  readonly events: EventSink;
  readonly logger: Logger;
}

/** A server that does not answer is waited for so long. */
const MOUNT_MS = 120_000;

/** What happens to a volume while containers run with it. */
export class VolumeMounting {
  readonly #table: VolumeTable;
  readonly #directories: VolumeDirectories;
  readonly #locks: KeyedMutex;
  readonly #jail: TreeJail;
  readonly #mounts: VolumeMounts;
  readonly #slow: SlowMounts;
  readonly #events: EventSink;
  readonly #logger: Logger;
  readonly #subpaths: VolumeSubpaths;
  readonly #far: FarVolumes;
  readonly #remote: RemoteMounts;
  /** `volume container` of those that are in use, so that no event is told twice */
  readonly #mounted = new Set<string>();

  constructor(deps: VolumeMountingDeps) {
    this.#table = deps.table;
    this.#directories = deps.directories;
    this.#locks = deps.locks;
    this.#jail = deps.jail;
    this.#mounts = deps.mounts;
    this.#slow = deps.slow;
    this.#events = deps.events;
    this.#logger = deps.logger;
    this.#remote = new RemoteMounts(deps);
    this.#subpaths = new VolumeSubpaths(deps.directories.subpaths(), deps);
    this.#far = deps.far;
  }

  /** @returns the host path to bind. */
  async mount(volume: Volume, containerId: string, options: VolumeMountOptions): Promise<string> {
    const { attributes = {} } = options;
    const { name, driver } = volume;
    const directory =
      driver === LOCAL_DRIVER
        ? await this.#mountLocal(volume, containerId, options)
        : await this.#remote.mount(volume, containerId, options);
    const source = await this.#sourceOf(volume, directory, containerId, options);
    this.#mounted.add(`${name} ${containerId}`);
    this.#emit('mount', name, { driver, container: containerId, ...attributes });
    return source;
  }

  /** Nobody is given what does not answer: whoever looks at it would wait. */
  async #sourceOf(
    volume: Volume,
    directory: string,
    containerId: string,
    { subpath, ...options }: VolumeMountOptions,
  ): Promise<string> {
    const place = { name: volume.name, directory };
    if (!isFar(volume)) {
      return subpath === undefined ? directory : this.#subpaths.bind(place, subpath, containerId);
    }
    await this.#far.probe(volume, directory, options);
    if (subpath === undefined) return directory;
    const within = <T>(look: () => Promise<T>) => this.#far.within(volume, look, options);
    return await this.#subpaths.bindFar(place, subpath, containerId, within);
  }

  async #mountLocal(volume: Volume, containerId: string, options: Abortable): Promise<string> {
    const { name } = volume;
    const spec = localMount(name, volume.options);
    using _lock = spec ? await this.#locks.lock(name, options) : undefined;
    if (this.#directories.create(name, sizeLimit(name, volume.options))) {
      this.#logger.warn('the directory of a volume was gone and is made anew', { volume: name });
    }
    if (spec) {
      this.#table.addMounter(name, containerId);
      await this.#mountOnce(volume, containerId, spec, options);
    }
    return volume.mountpoint;
  }

  async #mountOnce(
    { name, mountpoint }: Volume,
    containerId: string,
    spec: LocalMount,
    options: Abortable,
  ): Promise<void> {
    if (this.#mounts.isMounted(mountpoint)) return;
    try {
      const mounting = this.#slow.mount(mountpoint, await withServerAddress(spec));
      await this.#patiently(mounting, name, mountpoint, options);
    } catch (error) {
      this.#table.removeMounter(name, containerId);
      throw volumeMountFailed({ name, mountpoint }, spec, error);
    }
  }

  /** A mount cannot be called back: what comes of it when nobody waits for it any more is taken down. */
  async #patiently(
    mounting: Promise<void>,
    name: string,
    mountpoint: string,
    { signal }: Abortable,
  ): Promise<void> {
    const limit = AbortSignal.timeout(MOUNT_MS);
    try {
      await orAborted(mounting, signal ? AbortSignal.any([signal, limit]) : limit);
    } catch (error) {
      void mounting
        .then(async () => {
          using _lock = await this.#locks.lock(name);
          if (this.#table.mountersOf(name).length === 0) await this.#slow.unmount(mountpoint);
        })
        .catch(() => undefined); // it has failed by itself
      throw error;
    }
  }

  async unmount(name: string, containerId: string): Promise<void> {
    this.#subpaths.release(name, containerId);
    const wasMounted = this.#mounted.delete(`${name} ${containerId}`);
    const volume = this.#table.find(name);
    if (!volume) return;
    if (volume.driver !== LOCAL_DRIVER) {
      await this.#remote.unmount(volume, containerId);
    } else if (localMount(name, volume.options)) {
      using _lock = await this.#locks.lock(name);
      this.#table.removeMounter(name, containerId);
      if (this.#table.mountersOf(name).length === 0) await this.#slow.unmount(volume.mountpoint);
    }
    if (wasMounted) this.#emit('unmount', name, { driver: volume.driver, container: containerId });
  }

  /** The volume has another name; where it is mounted, it stays so. */
  renamed(from: string, to: string): void {
    for (const key of [...this.#mounted].filter(one => one.startsWith(`${from} `))) {
      this.#mounted.delete(key);
      this.#mounted.add(`${to}${key.slice(from.length)}`);
    }
    this.#subpaths.renamed(from, to);
  }

  async copyUp(
    { name, mountpoint, driver, options: driverOptions }: Volume,
    from: { readonly root: string; readonly path: string },
    options: Abortable,
  ): Promise<void> {
    using _lock = await this.#locks.lock(name, options);
    if (driver !== LOCAL_DRIVER || localMount(name, driverOptions)) {
      // It may be on a server that does not answer: whether it is empty is not for this thread to find out.
      await this.#slow.copyTree(from, mountpoint, options);
      return;
    }
    if (!isEmptyDirectory(mountpoint)) return;
    if (!copyUpAtOnce(from, mountpoint)) {
      // Others may have the directory itself mounted: it must stay the same one, so it is filled in place.
      const isShared =
        sizeLimit(name, driverOptions) !== undefined || // the limit is that of this very directory
        this.#table.usersOf(name).length > 1;
      if (isShared) await this.#jail.copyTree(from, mountpoint, options);
      else await this.#copyAside(name, from, options);
    }
    // What was asked for with the volume is a stronger wish than what the image has.
    this.#directories.setRoot(name, rootAttributes(name, driverOptions));
  }

  async #copyAside(
    name: string,
    from: { readonly root: string; readonly path: string },
    options: Abortable,
  ): Promise<void> {
    await this.#dropStaging(name);
    const staging = this.#directories.createStaging(name);
    try {
      if (await this.#jail.copyTree(from, staging, options)) this.#directories.publishStaging(name);
    } finally {
      await this.#dropStaging(name);
    }
  }

  async #dropStaging(name: string): Promise<void> {
    const staging = this.#directories.findStaging(name);
    if (staging !== undefined) await this.#jail.removeTree(staging);
  }

  /** At start-up: takes down what no running container uses, and half-made copies. */
  async restore(volumes: readonly Volume[], running: ReadonlySet<string>): Promise<void> {
    for (const { volume, container, driver } of this.#table.mounts()) {
      if (driver === LOCAL_DRIVER && !running.has(container)) this.#table.removeMounter(volume, container);
    }
    this.#remote.restore(running);
    for (const container of running) {
      for (const name of this.#table.usesOf(container)) this.#mounted.add(`${name} ${container}`);
    }
    this.#subpaths.releaseExcept(running);
    for (const { name, driver, options, mountpoint } of volumes) {
      if (driver !== LOCAL_DRIVER) continue;
      await this.#dropStaging(name);
      const isUnused = localMount(name, options) && this.#table.mountersOf(name).length === 0;
      if (isUnused && this.#mounts.isMounted(mountpoint)) await this.#slow.unmount(mountpoint);
    }
  }

  #emit(action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    this.#events.emit({ type: 'volume', action, actor: { id, attributes } });
  }
}
