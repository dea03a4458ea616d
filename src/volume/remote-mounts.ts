import type { Abortable } from '#base/abortable';
import { isKind, messageOf } from '#base/errors';
import type { KeyedMutex } from '#base/keyed-mutex';
import type { Logger } from '#base/logger';
import { LOCAL_DRIVER, type Volume } from './volume.ts';
import type { VolumePlugins } from './volume-plugins.ts';
import type { VolumeTable } from './volume-table.ts';

/** A plugin that the host starts with us gets this long to come up. */
const RESTORE_WAIT_MS = 30_000;
/** Between tries to give back what a driver that was away still counts; twice as long each time. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;

type Remote = Pick<Volume, 'name' | 'driver'>;

/**
 * What containers have mounted of volumes of other drivers. The driver counts by the container's ID; we note each
 * mount before it is asked for, so that one whose container is gone is given back after a crash, too. What cannot be given back because
 * the driver is away is given back when it is there again.
 */
export class RemoteMounts {
  readonly #table: VolumeTable;
  readonly #locks: KeyedMutex;
  readonly #plugins: VolumePlugins;
  readonly #logger: Logger;
  /** `volume container` → host path, of what was mounted since the engine started */
  readonly #paths = new Map<string, string>();
  /** `volume container` of what is to be given back */
  readonly #owed = new Map<string, { readonly volume: Remote; readonly containerId: string }>();
  #pauseMs = FIRST_PAUSE_MS;
  #isRetrying = false;

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
    // Else the driver would take what is given back later for what it gives now.
    if (this.#owed.has(key)) await this.#giveBackFirst({ name, driver }, containerId);
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

  /** Happy when nothing is noted. @throws what the driver says; the note stays, and it is tried again: when it was away soon, else at the next start. */
  async unmount(
    volume: Remote,
    containerId: string,
    options: { readonly waitMs?: number } = {},
  ): Promise<void> {
    using _lock = await this.#locks.lock(volume.name);
    if (!this.#table.mountersOf(volume.name).includes(containerId)) return;
    await this.#giveBack(volume, containerId, options);
  }

  async #giveBackFirst(volume: Remote, containerId: string): Promise<void> {
    try {
      await this.#giveBack(volume, containerId);
    } catch (error) {
      // It is there, and says that it does not count this container, as after a mount that it never heard of.
      if (!isKind(error, 'internal')) throw error;
      this.#logger.warn('a driver refused to take a volume back', {
        volume: volume.name,
        container: containerId,
        error: messageOf(error),
      });
    }
  }

  async #giveBack(
    volume: Remote,
    containerId: string,
    options: { readonly waitMs?: number } = {},
  ): Promise<void> {
    const { name, driver } = volume;
    const key = `${name} ${containerId}`;
    this.#paths.delete(key);
    this.#owed.delete(key);
    try {
      await this.#plugins.unmount(driver, name, containerId, options);
    } catch (error) {
      if (isKind(error, 'unavailable') || isKind(error, 'notFound')) {
        this.#owed.set(key, { volume, containerId });
        if (!this.#isRetrying) this.#tryLater();
      }
      throw error;
    }
    this.#table.removeMounter(name, containerId);
  }

  /** One after the other: each may have to wait for a driver. */
  async #payBack(): Promise<void> {
    const owed = [...this.#owed.values()];
    let isAnyDone = false;
    for (const { volume, containerId } of owed) {
      const isDone = await this.unmount(volume, containerId).then(
        () => true,
        () => false,
      );
      isAnyDone ||= isDone;
      if (isDone)
        this.#logger.info('gave a volume back to its driver', {
          volume: volume.name,
          container: containerId,
        });
    }
    this.#isRetrying = false;
    this.#pauseMs = isAnyDone ? FIRST_PAUSE_MS : Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    if (this.#owed.size > 0) this.#tryLater();
    else this.#pauseMs = FIRST_PAUSE_MS;
  }

  #tryLater(): void {
    this.#isRetrying = true;
    setTimeout(() => void this.#payBack(), this.#pauseMs).unref();
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
