import { EngineError } from '#base/errors';
import { type NetworkDriver, NO_PUBLISHING } from './network-driver.ts';

/** `host` and `null`: networks that give containers nothing. There is one of each, made by the engine. */
export function plainDriver(name: 'host' | 'null'): NetworkDriver {
  return {
    name,
    hasInterfaces: false,
    isOnLan: false,
    check: () => {
      throw new EngineError('forbidden', `only one instance of "${name}" network is allowed`);
    },
    interfacePrefix: () => '',
    fixedMac: () => undefined,
    isRoutedByDevice: () => false,
    publishing: () => NO_PUBLISHING,
    linksOf: () => [],
    firewallNetwork: () => undefined,
    firewallEndpoint: () => undefined,
    ensureNetwork: () => undefined,
    removeNetwork: async () => undefined,
    plug: () => false,
    holds: () => true,
    replug: () => undefined,
    allowLoopback: () => undefined,
    cutOff: () => undefined,
    unplug: async () => undefined,
  };
}
