import { EngineError } from '#base/errors';
import { type EndpointId, newId, shortId } from '#base/ids';
import { hasNames } from './dns/name-service.ts';
import type { PreparedEndpoint } from './drivers/foreign-endpoints.ts';
import type { NetworkDriver } from './drivers/network-driver.ts';
import { parseEndpointOptions } from './endpoint-options.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import type { AssignedAddress } from './ipam.ts';
import { parseLinkLocal } from './link-local.ts';
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
    /** what plugins decided */
    readonly prepared?: PreparedEndpoint | undefined;
  },
): EndpointRecord {
  const { network, driver, ipv4, ipv6, prepared } = where;
  const hasInterface = driver.hasInterfaces;
  const { interfaceName, sysctls } = parseEndpointOptions(request.driverOptions);
  const linkLocal = hasInterface ? parseLinkLocal(request.linkLocalAddresses) : [];
  return {
    id: prepared?.id ?? newId<EndpointId>(),
    networkId: network.id,
    networkName: network.name,
    containerId: owner.containerId,
    interfaceName: hasInterface
      ? (namedInterface(interfaceName ?? prepared?.interfaceName, where.usedNames) ??
        freeName(prepared?.interfacePrefix ?? driver.interfacePrefix(network), where.usedNames))
      : '',
    macAddress: hasInterface
      ? (fixedMac(request, where) ?? prepared?.macAddress ?? chooseMac(request.macAddress, ipv4))
      : '',
    aliases: request.aliases,
    links: request.links,
    dnsNames: dnsNames(owner, request.aliases, network),
    ports: [],
    gatewayPriority: request.gatewayPriority,
    ...(sysctls.length > 0 && { sysctls }),
    ...(linkLocal.length > 0 && { linkLocal }),
    ...(prepared && { foreign: prepared.foreign }),
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

function namedInterface(asked: string | undefined, used: ReadonlySet<string>): string | undefined {
  if (asked === undefined || !used.has(asked)) return asked;
  throw new EngineError(
    'conflict',
    `interface ${asked} exists in the container already: choose another name`,
  );
}

function freeName(prefix: string, used: ReadonlySet<string>): string {
  let number = 0;
  while (used.has(`${prefix}${number}`)) number += 1;
  return `${prefix}${number}`;
}

/** What a container is called on a network. Names are resolved on user-defined networks only. */
function dnsNames(
  owner: SandboxOwner,
  aliases: readonly string[],
  network: Pick<NetworkRecord, 'name' | 'driver'>,
): string[] {
  if (!hasNames(network)) return [];
  const names = [owner.containerName, ...aliases, shortId(owner.containerId), owner.hostname];
  return [...new Set(names.filter(name => name !== ''))];
}

/** The endpoint of a container that has another name now, which stands first among its names. */
export function renameEndpoint(endpoint: EndpointRecord, name: string): EndpointRecord {
  const [before] = endpoint.dnsNames;
  if (before === undefined || before === name) return endpoint;
  const others = endpoint.dnsNames.filter(each => each !== before || endpoint.aliases.includes(each));
  return { ...endpoint, dnsNames: [...new Set([name, ...others])] };
}
