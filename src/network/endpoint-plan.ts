import { EngineError } from '#base/errors';
import { type EndpointId, newId, shortId } from '#base/ids';
import type { NetworkDriver } from './drivers/network-driver.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import type { AssignedAddress } from './ipam.ts';
import { macFor, parseMac } from './mac-address.ts';
import type { EndpointRequest, SandboxOwner } from './network.ts';
import type { NetworkRecord } from './network-table.ts';

/** An endpoint as it will be, before it is decided whether it is the gateway. Touches nothing. @throws `invalid`. */
export function planEndpoint(
  owner: SandboxOwner,
  request: EndpointRequest,
  where: {
    readonly network: NetworkRecord;
    readonly driver: Pick<
      NetworkDriver,
      'name' | 'hasInterfaces' | 'interfacePrefix' | 'fixedMac' | 'isRoutedByDevice'
    >;
    readonly ipv4: AssignedAddress | undefined;
    readonly ipv6: AssignedAddress | undefined;
    /** interface names in use in the container */
    readonly usedNames: ReadonlySet<string>;
  },
): EndpointRecord {
  const { network, driver, ipv4, ipv6 } = where;
  const hasInterface = driver.hasInterfaces;
  return {
    id: newId<EndpointId>(),
    networkId: network.id,
    networkName: network.name,
    containerId: owner.containerId,
    interfaceName: hasInterface ? freeName(driver.interfacePrefix(network), where.usedNames) : '',
    macAddress: hasInterface ? (fixedMac(request, where) ?? chooseMac(request.macAddress, ipv4)) : '',
    aliases: request.aliases,
    dnsNames: hasInterface ? dnsNames(owner, request, network) : [],
    ports: [],
    gatewayPriority: request.gatewayPriority,
    isGateway: false,
    ...(driver.isRoutedByDevice(network) && !network.isInternal && { isRoutedByDevice: true }),
    ...(ipv4 && { ipv4 }),
    ...(ipv6 && { ipv6 }),
  };
}

function fixedMac(
  { macAddress }: EndpointRequest,
  { driver, network }: Pick<Parameters<typeof planEndpoint>[2], 'driver' | 'network'>,
): string | undefined {
  const fixed = driver.fixedMac(network);
  if (fixed !== undefined && macAddress) {
    throw new EngineError(
      'invalid',
      `${driver.name} interfaces do not support custom mac address assignment`,
    );
  }
  return fixed;
}

function chooseMac(asked: string | undefined, ipv4: AssignedAddress | undefined): string {
  if (asked === undefined || asked === '') return macFor(ipv4 ? [ipv4.address] : []);
  const mac = parseMac(asked);
  if (mac === undefined) throw new EngineError('invalid', `invalid MAC address: ${asked}`);
  return mac;
}

function freeName(prefix: string, used: ReadonlySet<string>): string {
  let number = 0;
  while (used.has(`${prefix}${number}`)) number += 1;
  return `${prefix}${number}`;
}

/** Names are resolved on user-defined networks only. */
function dnsNames(owner: SandboxOwner, request: EndpointRequest, network: NetworkRecord): string[] {
  if (network.name === 'bridge') return [];
  const names = [owner.containerName, ...request.aliases, shortId(owner.containerId), owner.hostname];
  return [...new Set(names.filter(name => name !== ''))];
}
