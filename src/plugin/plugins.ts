import * as v from 'valibot';
import { type Abortable, sleep } from '#base/abortable';
import { isKind, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { SingleFlight } from '#base/single-flight';
import { orDefault } from '#spec/docker/lenient';
import { pluginLacks, pluginNotFound } from './errors.ts';
import { callPlugin, Plugin } from './plugin.ts';
import { showAddress } from './plugin-address.ts';
import { DOCKER_PLUGIN_PLACES, listPlugins, locatePlugin, type PluginPlaces } from './plugin-discovery.ts';

export interface PluginsDeps {
  readonly logger: Logger;
  /** default: where Docker looks */
  readonly places?: PluginPlaces;
}

export interface PluginLookup extends Abortable {
  /** How long to wait for a plugin that is not there yet, such as while the host starts. Default: not at all. */
  readonly waitMs?: number;
  /** for asking it what it implements; default 10 s */
  readonly timeoutMs?: number;
}

/** A plugin as lists show it. */
export interface PluginListing {
  readonly name: string;
  readonly address: string;
  /** empty when it could not be asked */
  readonly implements: readonly string[];
  /** why it could not be asked */
  readonly problem?: string;
}

const ACTIVATION_MS = 10_000;
const LISTING_MS = 2000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;
/** A list asks at most this many. */
const MAX_ASKED = 64;

const Activation = v.object({
  Implements: orDefault(v.pipe(v.array(v.pipe(v.string(), v.maxLength(200))), v.maxLength(100)), []),
});

/**
 * Plugins of Docker's first protocol: programs that serve HTTP on a socket in a known folder, or where a file in
 * another one says. Nothing is looked for before somebody asks; what a plugin implements is asked once, and again
 * after it was gone.
 */
export class Plugins {
  readonly #places: PluginPlaces;
  readonly #logger: Logger;
  readonly #active = new Map<string, Plugin>();
  readonly #activations = new SingleFlight<Plugin>();

  constructor({ logger, places = DOCKER_PLUGIN_PLACES }: PluginsDeps) {
    this.#logger = logger;
    this.#places = places;
  }

  /**
   * The plugin `name`, if it implements `capability` (`VolumeDriver`, `NetworkDriver`, `IpamDriver`, …).
   *
   * @throws {EngineError} `notFound` with Docker's wording, `invalid` for a bad description; what a call throws.
   */
  async get(
    name: string,
    capability: string,
    { waitMs = 0, timeoutMs = ACTIVATION_MS, signal }: PluginLookup = {},
  ): Promise<Plugin> {
    const deadline = performance.now() + waitMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        const plugin = await this.#find(name, timeoutMs);
        if (!plugin.implements.includes(capability)) throw pluginLacks(name, capability);
        return plugin;
      } catch (error) {
        const mayAppear = isKind(error, 'notFound') || isKind(error, 'unavailable');
        if (!mayAppear || performance.now() + pauseMs > deadline) throw error;
      }
      await sleep(pauseMs, signal ? { signal } : {});
    }
  }

  /** Names of plugins already in use that implement `capability`. Asks nobody. */
  activeNames(capability: string): string[] {
    return [...this.#active.values()]
      .filter(plugin => plugin.implements.includes(capability))
      .map(({ name }) => name)
      .toSorted();
  }

  /** Names of all plugins that a socket or description announces. Asks nobody. */
  announcedNames(): string[] {
    return listPlugins(this.#places);
  }

  /** Every plugin there is, each asked what it implements. One that does not answer is listed with the reason. */
  async list(): Promise<PluginListing[]> {
    const names = this.announcedNames().slice(0, MAX_ASKED);
    return Promise.all(names.map(name => this.#listed(name)));
  }

  async #listed(name: string): Promise<PluginListing> {
    try {
      const plugin = await this.#find(name, LISTING_MS);
      return { name, address: showAddress(plugin.address), implements: plugin.implements };
    } catch (error) {
      return { name, address: this.#addressOf(name), implements: [], problem: messageOf(error) };
    }
  }

  #addressOf(name: string): string {
    try {
      const address = locatePlugin(name, this.#places);
      return address ? showAddress(address) : '';
    } catch {
      return ''; // the problem is told with it
    }
  }

  async #find(name: string, timeoutMs: number): Promise<Plugin> {
    return (
      this.#active.get(name) ?? (await this.#activations.run(name, () => this.#activate(name, timeoutMs)))
    );
  }

  async #activate(name: string, timeoutMs: number): Promise<Plugin> {
    const address = locatePlugin(name, this.#places);
    if (!address) throw pluginNotFound(name);
    const question = { method: 'Plugin.Activate', request: {}, schema: Activation };
    const { Implements } = await callPlugin({ name, address }, question, { timeoutMs, patienceMs: 0 });
    const plugin: Plugin = new Plugin({
      name,
      address,
      implements: Implements,
      onGone: () => {
        if (this.#active.get(name) === plugin) this.#active.delete(name);
      },
    });
    this.#active.set(name, plugin);
    this.#logger.info('a plugin is in use', {
      plugin: name,
      address: showAddress(address),
      implements: Implements,
    });
    return plugin;
  }
}
