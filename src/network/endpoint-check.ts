import { EngineError } from '#base/errors';
import { requireJoinable } from './config-network.ts';
import { parseEndpointOptions } from './endpoint-options.ts';
import { addressOnDefaultNetwork, addressOutsidePool, addressWithoutSubnet } from './errors.ts';
import { contains, parseIp, parseSubnet } from './ip-address.ts';
import { parseLinkLocal } from './link-local.ts';
import { parseMac } from './mac-address.ts';
import type { EndpointRequest } from './network.ts';
import type { NetworkRecord } from './network-table.ts';

/** What a request for an endpoint says that no network like this can give, whoever else is on it. @throws `invalid`, `forbidden` */
export function checkEndpoint(network: NetworkRecord, request: EndpointRequest): void {
  requireJoinable(network);
  parseEndpointOptions(request.driverOptions);
  parseLinkLocal(request.linkLocalAddresses);
  const { macAddress, ipv4Address, ipv6Address } = request;
  if (macAddress && parseMac(macAddress) === undefined) {
    throw new EngineError('invalid', `invalid MAC address: ${macAddress}`);
  }
  if (ipv4Address) checkAddress(network, ipv4Address, 4);
  if (ipv6Address) checkAddress(network, ipv6Address, 6);
}

function checkAddress(network: NetworkRecord, text: string, family: 4 | 6): void {
  const ip = parseIp(text);
  if (ip?.family !== family) throw new EngineError('invalid', `invalid IPv${family} address: ${text}`);
  if (network.name === 'bridge') throw addressOnDefaultNetwork();
  if (!network.hasChosenSubnets) throw addressWithoutSubnet();
  const subnets = network.ipam.pools.map(({ subnet }) => subnet);
  const isInside = subnets.some(each => {
    const subnet = parseSubnet(each);
    return subnet !== undefined && contains(subnet, ip);
  });
  if (!isInside) throw addressOutsidePool(text, subnets);
}
