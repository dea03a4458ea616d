import { isKind, notImplemented } from '#base/errors';
import type { Plugins } from '#plugin/plugins';
import { driverNotFound } from '../errors.ts';
import type { NetworkDriver } from './network-driver.ts';
import { RemoteDriver } from './remote-driver.ts';
import { PLUGIN_CALL_MS } from './remote-protocol.ts';

/** Known by name, and not here yet. */
const PLANNED = new Set(['overlay']);

/** The drivers this engine has, by name, and those of plugins. */
export class DriverTable {
  readonly #drivers: Map<string, NetworkDriver>;
  readonly #plugins: Plugins | undefined;
  readonly #timeoutMs: number;

  constructor(drivers: readonly NetworkDriver[], plugins?: Plugins, timeoutMs = PLUGIN_CALL_MS) {
    this.#drivers = new Map(drivers.map(driver => [driver.name, driver]));
    this.#plugins = plugins;
    this.#timeoutMs = timeoutMs;
  }

  /** The driver of a network that exists, also while its plugin does not run. */
  of({ driver }: { readonly driver: string }): NetworkDriver {
    return this.#drivers.get(driver) ?? this.#remote(driver);
  }

  /** The driver for a network that is to be. @throws `notFound`, `notImplemented`, what a call of the plugin throws. */
  async get(name: string): Promise<NetworkDriver> {
    const driver = this.#drivers.get(name);
    if (driver && !(driver instanceof RemoteDriver)) return driver;
    if (PLANNED.has(name)) throw notImplemented(`network driver ${name}`);
    const remote = this.#remote(name);
    if (!(remote instanceof RemoteDriver)) return remote;
    try {
      await remote.requireLocal();
    } catch (error) {
      if (isKind(error, 'notFound')) throw driverNotFound(name);
      throw error;
    }
    this.#drivers.set(name, remote);
    return remote;
  }

  #remote(name: string): NetworkDriver {
    if (!this.#plugins) throw driverNotFound(name);
    const driver = new RemoteDriver(name, this.#plugins, this.#timeoutMs);
    return driver;
  }
}
