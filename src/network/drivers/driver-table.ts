import { notImplemented } from '#base/errors';
import { driverNotFound } from '../errors.ts';
import type { NetworkDriver } from './network-driver.ts';

/** Known by name, and not here yet. */
const PLANNED = new Set(['overlay']);

/** The drivers this engine has, by name. */
export class DriverTable {
  readonly #drivers: ReadonlyMap<string, NetworkDriver>;

  constructor(drivers: readonly NetworkDriver[]) {
    this.#drivers = new Map(drivers.map(driver => [driver.name, driver]));
  }

  /** The driver of a network that exists. */
  of({ driver }: { readonly driver: string }): NetworkDriver {
    return this.get(driver);
  }

  /** @throws `notFound`, `notImplemented` */
  get(name: string): NetworkDriver {
    const driver = this.#drivers.get(name);
    if (driver) return driver;
    throw PLANNED.has(name) ? notImplemented(`network driver ${name}`) : driverNotFound(name);
  }
}
