import { type ExactInteger, exactInteger } from '#base/exact-integer';
import type { SubnetUse } from '#network/ipam';
import type { Endpoint, Network } from '#network/network';
import type { ApiMinor } from './api-version.ts';

export type NamedEndpoint = Endpoint & { readonly containerName: string };

/** Engine API `NetworkInspect`. A list has no endpoints: `Containers` is empty there, as it is with Docker. */
export function networkToWire(network: Network, endpoints: readonly NamedEndpoint[], version: ApiMinor) {
  const { ipam } = network;
  return {
    Name: network.name,
    Id: network.id,
    Created: new Date(network.createdAt).toISOString(),
    Scope: network.scope,
    Driver: network.driver,
    ...(version >= 48 ? { EnableIPv4: network.hasIpv4 } : {}),
    EnableIPv6: network.hasIpv6,
    IPAM: {
      Driver: ipam.driver,
      Options: Object.keys(ipam.options).length > 0 ? ipam.options : null,
      Config: ipam.pools.map(pool => ({
        Subnet: pool.subnet,
        ...(pool.ipRange ? { IPRange: pool.ipRange } : {}),
        ...(pool.gateway ? { Gateway: pool.gateway } : {}),
        ...(pool.auxAddresses && Object.keys(pool.auxAddresses).length > 0
          ? { AuxiliaryAddresses: pool.auxAddresses }
          : {}),
      })),
    },
    Internal: network.isInternal,
    Attachable: network.isAttachable,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom },
    ConfigOnly: network.isConfigOnly,
    Containers: Object.fromEntries(
      endpoints.map(endpoint => [endpoint.containerId, endpointToWire(endpoint)]),
    ),
    Options: network.options,
    Labels: network.labels,
  };
}

/** What lists say of a network, before and since API 1.48: a network that changes is another object. */
const rows = { old: new WeakMap<Network, string>(), now: new WeakMap<Network, string>() };

/** {@link networkToWire} without endpoints, as JSON. Kept: in a list of a thousand the making is what takes long. */
export function networkRow(network: Network, version: ApiMinor): string {
  const kept = version >= 48 ? rows.now : rows.old;
  const row = kept.get(network) ?? JSON.stringify(networkToWire(network, [], version));
  kept.set(network, row);
  return row;
}

/** The API's counts have 64 bits and stay at the last one, as the description of 1.52 says. */
const COUNT_MAX = 2n ** 64n - 1n;

/** Engine API `NetworkStatus`, from 1.52 on. */
export function statusToWire(use: readonly SubnetUse[]) {
  const subnets = use.map(({ subnet, inUse, available }) => [
    subnet,
    { IPsInUse: count(inUse), DynamicIPsAvailable: count(available) },
  ]);
  return { IPAM: { Subnets: Object.fromEntries(subnets) as Record<string, object> } };
}

function count(value: bigint): ExactInteger {
  return exactInteger(value < COUNT_MAX ? value : COUNT_MAX);
}

function endpointToWire(endpoint: NamedEndpoint) {
  return {
    Name: endpoint.containerName,
    EndpointID: endpoint.id,
    MacAddress: endpoint.macAddress,
    IPv4Address: cidr(endpoint.ipv4),
    IPv6Address: cidr(endpoint.ipv6),
  };
}

function cidr(address: Endpoint['ipv4']): string {
  return address ? `${address.address}/${address.prefixLength}` : '';
}
