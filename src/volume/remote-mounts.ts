import type { Abortable } from '#base/abortable';
import { isKind, messageOf } from '#base/errors';
import type { KeyedMutex } from '#base/keyed-mutex';
import type { Logger } from '#base/logger';
import { LOCAL_DRIVER, type Volume } from './volume.ts';
import type { VolumePlugins } from './volume-plugins.ts';
import type { VolumeTable } from './volume-table.ts';

/** A plugin that the host starts with us gets this long to come up. */
const RESTORE_WAIT_MS = 30_000;

/**
 * What containers have mounted of volumes of other drivers. The driver counts by the container's ID; we note each
 * mount before it is asked for, so that one whose container is gone is given back after a crash, too.
 */
export class RemoteMounts {
  readonly #table: VolumeTable;
  readonly #locks: KeyedMutex;
  readonly #plugins: VolumePlugins;
  readonly #logger: Logger;
  /** `volume container` → host path, of what was mounted since the engine started */
  readonly #paths = new Map<string, string>();

  constructor(deps: {
    readonly table: VolumeTable;
    readonly locks: KeyedMutex;
    readonly plugins: VolumePlugins;
    readonly logger: Logger;
  }) {
    this.#table = deps.table;
    this.#locks = deps.locks;
    this.#plugins = deps.plugins;
    this.#logger = deps.logger;
  }

  /** @returns the host path to bind. A second mount of one container is the first. */
  async mount({ name, driver }: Volume, containerId: string, abortable: Abortable): Promise<string> {
    using _lock = await this.#locks.lock(name, abortable);
    const key = `${name} ${containerId}`;
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    this.#table.addMounter(name, containerId);
    try {
      const path = await this.#plugins.mount(driver, name, containerId, abortable);
      this.#paths.set(key, path);
      this.#table.setMountpoint(name, path);
      return path;
    } catch (error) {
      // Whether a driver that was too slow or went away has mounted it is not known: the note stays for the teardown.
      const isCertain = isKind(error, 'internal') || isKind(error, 'notFound');
      if (isCertain) this.#table.removeMounter(name, containerId);
      throw error;
    }
  }

  /** Happy when nothing is noted. @throws what the driver says; the note stays, and the next start tries again. */
  async unmount(
    { name, driver }: Pick<Volume, 'name' | 'driver'>,
    containerId: string,
    options: { readonly waitMs?: number } = {},
  ): Promise<void> {
    using _lock = await this.#locks.lock(name);
    if (!this.#table.mountersOf(name).includes(containerId)) return;
    this.#paths.delete(`${name} ${containerId}`);
    await this.#plugins.unmount(driver, name, containerId, options);
    this.#table.removeMounter(name, containerId);
  }

  /** At start-up: gives back what containers had that do not run. Goes on in the background, as drivers may come late. */
  restore(running: ReadonlySet<string>): void {
    for (const { volume: name, container, driver } of this.#table.mounts()) {
      if (driver === LOCAL_DRIVER || running.has(container)) continue;
      this.unmount({ name, driver }, container, { waitMs: RESTORE_WAIT_MS }).catch((error: unknown) => {
        this.#logger.warn('cannot give a volume back to its driver', {
          volume: name,
          container,
          error: messageOf(error),
        });
      });
    }
  }
}
