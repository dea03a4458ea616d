import * as v from 'valibot';
import type { Abortable } from '#base/abortable';
import { EngineError, isKind, messageOf } from '#base/errors';
import type { Plugin } from '#plugin/plugin';
import type { Plugins } from '#plugin/plugins';
import { mapOf, orDefault, text } from '#spec/docker/lenient';
import { driverUnavailable, unknownVolumeDriver } from './errors.ts';

/** A volume as its driver tells of it. */
export interface RemoteVolume {
  readonly name: string;
  /** empty while it is not mounted, with many drivers */
  readonly mountpoint: string;
  readonly createdAt: number | undefined;
  /** whatever the driver wants to show */
  readonly status: Readonly<Record<string, unknown>> | undefined;
}

export interface RemoteListing {
  readonly volumes: readonly (RemoteVolume & { readonly driver: string })[];
  /** drivers that could not be asked, and why */
  readonly problems: readonly string[];
}

export type PluginFinder = Pick<Plugins, 'get' | 'announcedNames' | 'activeNames'>;

const CAPABILITY = 'VolumeDriver';
const SHORT_MS = 60_000;
/** Making, mounting and removing may take their time in a storage system. */
const LONG_MS = 120_000;
/** A list must not wait for one driver that hangs. */
const LISTING_MS = 3000;
/** A driver may itself only be starting when containers do, such as at boot. */
const START_WAIT_MS = 15_000;
const MAX_LISTED = 100_000;
/** Drivers that are asked whose a volume is. */
const MOST_ASKED = 64;
const MAX_PATH = 4095;

const Nothing = v.object({});
const Remote = v.object({
  Name: text,
  Mountpoint: text,
  CreatedAt: text,
  Status: v.nullish(mapOf(v.unknown())),
});
const Found = v.object({ Volume: v.nullish(Remote) });
const Listed = v.object({ Volumes: orDefault(v.pipe(v.array(Remote), v.maxLength(MAX_LISTED)), []) });
const Mounted = v.object({ Mountpoint: text });
const Capable = v.object({ Capabilities: orDefault(v.object({ Scope: text }), {}) });

/**
 * Volume drivers of other vendors, by Docker's protocol (moby: `volume/drivers`): what each call means for volumes.
 * Keeps nothing; every method may throw what {@link Plugin.call} throws.
 */
export class VolumePlugins {
  readonly #plugins: PluginFinder;

  constructor(plugins: PluginFinder) {
    this.#plugins = plugins;
  }

  /** Makes a volume, or takes the one that the driver has under this name already. */
  async create(
    driver: string,
    name: string,
    options: Readonly<Record<string, string>>,
    abortable: Abortable,
  ): Promise<{ readonly mountpoint: string; readonly scope: 'local' | 'global' }> {
    const plugin = await this.#driver(`create ${name}`, driver, abortable);
    const known = await findIn(plugin, name, abortable);
    if (!known) {
      const request = { Name: name, Opts: options };
      await plugin.call('VolumeDriver.Create', request, Nothing, { ...abortable, timeoutMs: LONG_MS });
    }
    const made = known ?? (await findIn(plugin, name, abortable));
    if (!made)
      throw new EngineError('internal', `create ${name}: driver "${driver}" made it and does not know it`);
    return { mountpoint: made.mountpoint, scope: await scopeOf(plugin, abortable) };
  }

  /** What the driver says of a volume; `undefined` when it does not know it. */
  async find(driver: string, name: string, abortable: Abortable = {}): Promise<RemoteVolume | undefined> {
    return findIn(await this.#driver(`get ${name}`, driver, abortable), name, abortable);
  }

  /**
   * The driver that has a volume of this name, also one that this engine has not used yet: a volume that another host made must not be
   * taken for a new one of ours. Each is asked for a short time only.
   */
  async findOwner(name: string, abortable: Abortable): Promise<string | undefined> {
    const names = [...this.#plugins.activeNames(CAPABILITY), ...this.#plugins.announcedNames()];
    const drivers = [...new Set(names)].slice(0, MOST_ASKED);
    const owners = await Promise.all(
      drivers.map(async driver => ((await this.#has(driver, name, abortable)) ? driver : undefined)),
    );
    return owners.find(owner => owner !== undefined);
  }

  async #has(driver: string, name: string, abortable: Abortable): Promise<boolean> {
    const limits = { ...abortable, timeoutMs: LISTING_MS, patienceMs: 0 };
    try {
      return (await findIn(await this.#plugins.get(driver, CAPABILITY, limits), name, limits)) !== undefined;
    } catch (error) {
      if (isKind(error, 'cancelled')) throw error;
      return false; // it may be another's
    }
  }

  /** @returns the host path. `id` is given again to {@link unmount}. */
  async mount(driver: string, name: string, id: string, abortable: Abortable): Promise<string> {
    const plugin = await this.#driver(`mount ${name}`, driver, { ...abortable, waitMs: START_WAIT_MS });
    const { Mountpoint } = await plugin.call('VolumeDriver.Mount', { Name: name, ID: id }, Mounted, {
      ...abortable,
      timeoutMs: LONG_MS,
    });
    if (Mountpoint.startsWith('/') && !Mountpoint.includes('\0') && Mountpoint.length <= MAX_PATH)
      return Mountpoint;
    throw new EngineError(
      'internal',
      `mount ${name}: driver "${driver}" gave "${Mountpoint.slice(0, 200)}", which is no absolute path`,
    );
  }

  async unmount(
    driver: string,
    name: string,
    id: string,
    { waitMs = 0 }: { readonly waitMs?: number } = {},
  ): Promise<void> {
    const plugin = await this.#driver(`unmount ${name}`, driver, { waitMs });
    await plugin.call('VolumeDriver.Unmount', { Name: name, ID: id }, Nothing, { timeoutMs: LONG_MS });
  }

  /** Happy when the driver does not know it any more. */
  async remove(driver: string, name: string, abortable: Abortable): Promise<void> {
    const plugin = await this.#driver(`remove ${name}`, driver, abortable);
    try {
      await plugin.call('VolumeDriver.Remove', { Name: name }, Nothing, { ...abortable, timeoutMs: LONG_MS });
    } catch (error) {
      if (await findIn(plugin, name, abortable)) throw error;
    }
  }

  /** Volumes of every driver that is there, each asked for a short time only. */
  async list(abortable: Abortable = {}): Promise<RemoteListing> {
    const answers = await Promise.all(
      this.#plugins.announcedNames().map(driver => this.#listOf(driver, abortable)),
    );
    return {
      volumes: answers.flatMap(({ volumes }) => volumes),
      problems: answers.flatMap(({ problem }) => (problem === undefined ? [] : [problem])),
    };
  }

  async #listOf(
    driver: string,
    abortable: Abortable,
  ): Promise<{ readonly volumes: RemoteListing['volumes']; readonly problem?: string }> {
    const limits = { ...abortable, timeoutMs: LISTING_MS, patienceMs: 0 };
    try {
      const plugin = await this.#plugins.get(driver, CAPABILITY, limits);
      const { Volumes } = await plugin.call('VolumeDriver.List', {}, Listed, limits);
      return { volumes: Volumes.map(volume => ({ ...toRemote(volume), driver })) };
    } catch (error) {
      // A network plugin has no volumes, and is none the worse for it.
      return isKind(error, 'notFound') ? { volumes: [] } : { volumes: [], problem: messageOf(error) };
    }
  }

  async #driver(
    action: string,
    driver: string,
    lookup: Abortable & { readonly waitMs?: number },
  ): Promise<Plugin> {
    try {
      return await this.#plugins.get(driver, CAPABILITY, lookup);
    } catch (error) {
      if (isKind(error, 'cancelled')) throw error;
      throw isKind(error, 'notFound')
        ? unknownVolumeDriver(action, driver, error.message)
        : driverUnavailable(action, driver, error);
    }
  }
}

/** Drivers say in words that they do not know a volume, so that every refusal means it (as Docker takes it). */
async function findIn(
  plugin: Plugin,
  name: string,
  limits: Abortable & { readonly timeoutMs?: number; readonly patienceMs?: number },
): Promise<RemoteVolume | undefined> {
  try {
    const { Volume: found } = await plugin.call('VolumeDriver.Get', { Name: name }, Found, {
      timeoutMs: SHORT_MS,
      ...limits,
    });
    return found && found.Name !== '' ? toRemote(found) : undefined;
  } catch (error) {
    const isRefusal = isKind(error, 'internal') && error.message.startsWith('VolumeDriver.Get: ');
    if (isRefusal) return undefined;
    throw error;
  }
}

/** Drivers older than this call do not know it: theirs are volumes of this host. */
async function scopeOf(plugin: Plugin, abortable: Abortable): Promise<'local' | 'global'> {
  try {
    const { Capabilities } = await plugin.call('VolumeDriver.Capabilities', {}, Capable, {
      ...abortable,
      timeoutMs: SHORT_MS,
    });
    return Capabilities.Scope.toLowerCase() === 'global' ? 'global' : 'local';
  } catch (error) {
    if (isKind(error, 'internal')) return 'local';
    throw error;
  }
}

function toRemote({ Name, Mountpoint, CreatedAt, Status }: v.InferOutput<typeof Remote>): RemoteVolume {
  const createdAt = Date.parse(CreatedAt);
  return {
    name: Name,
    mountpoint: Mountpoint,
    createdAt: Number.isNaN(createdAt) ? undefined : createdAt,
    status: Status ?? undefined,
  };
}
