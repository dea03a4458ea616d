import { EngineError } from '#base/errors';
import { type NetworkId, newId } from '#base/ids';
import type { NetworkCreateOptions } from './network.ts';
import { checkName } from './network-plan.ts';
import type { NetworkRecord } from './network-table.ts';

/** Wording is Docker's (moby daemon/libnetwork/network.go). */

/** A network that is settings only: nothing of it is taken, nothing is made. @throws `forbidden`, `invalid` */
export function planConfigNetwork(options: NetworkCreateOptions): NetworkRecord {
  checkName(options.name);
  if (options.isInternal || options.isAttachable) {
    throw new EngineError(
      'forbidden',
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    );
  }
  if (options.configFrom) {
    throw new EngineError(
      'forbidden',
      'a configuration network cannot depend on another configuration network',
    );
  }
  return {
    id: newId<NetworkId>(),
    name: options.name,
    driver: 'null',
    createdAt: Date.now(),
    scope: 'local',
    isInternal: false,
    isAttachable: false,
    isConfigOnly: true,
    configFrom: '',
    hasIpv4: options.hasIpv4 ?? true,
    hasIpv6: options.hasIpv6 ?? false,
    hasChosenSubnets: false,
    ipam: {
      driver: options.ipamDriver || 'default',
      options: options.ipamOptions ?? {},
      pools: (options.pools ?? []).filter(({ subnet }) => subnet !== ''),
    },
    options: options.options ?? {},
    labels: options.labels ?? {},
  };
}

/** What a request means that leans on a configuration network. @throws `forbidden`, `notFound` */
export function withConfigFrom(
  options: NetworkCreateOptions,
  find: (name: string) => NetworkRecord | undefined,
): NetworkCreateOptions {
  const name = options.configFrom;
  if (!name) return options;
  const isSpecified =
    options.hasIpv6 === true ||
    (options.pools ?? []).some(({ subnet }) => subnet !== '') ||
    Object.keys(options.options ?? {}).length > 0;
  if (isSpecified) {
    throw new EngineError(
      'forbidden',
      'user specified configurations are not supported if the network depends on a configuration network',
    );
  }
  const source = find(name);
  if (!source)
    throw new EngineError('notFound', `configuration network ${JSON.stringify(name)} does not exist`);
  if (!source.isConfigOnly) {
    throw new EngineError('forbidden', `${JSON.stringify(name)} is not a configuration network`);
  }
  return {
    ...options,
    configFrom: source.name,
    hasIpv4: source.hasIpv4,
    hasIpv6: source.hasIpv6,
    pools: source.ipam.pools,
    ipamDriver: source.ipam.driver,
    ipamOptions: source.ipam.options,
    options: source.options,
    labels: { ...source.labels, ...options.labels },
  };
}

export function configInUse(name: string): EngineError {
  return new EngineError('forbidden', `configuration network ${JSON.stringify(name)} is in use`);
}

/** @throws `forbidden` for a network that is settings only. */
export function requireJoinable(network: Pick<NetworkRecord, 'name' | 'isConfigOnly'>): void {
  if (!network.isConfigOnly) return;
  throw new EngineError(
    'forbidden',
    `cannot join network ${network.name}: it is a configuration network, make another with --config-from ${network.name}`,
  );
}
