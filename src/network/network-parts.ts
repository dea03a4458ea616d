import type { EventSink } from '#base/engine-event';
import type { Logger } from '#base/logger';
import type { Conntrack } from '#sys/netlink/conntrack';
import type { BridgeLinks } from './bridge-links.ts';
import { bridgeNameOf } from './bridge-links.ts';
import { parseBridgeOptions } from './bridge-options.ts';
import type { EndpointRegistry } from './endpoint-registry.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import type { Firewall } from './firewall.ts';
import type { FirewallEndpoint, FirewallNetwork } from './firewall-rules.ts';
import type { ForwardWarning } from './forward-warning.ts';
import type { InstanceNames } from './instance-names.ts';
import type { Ipam } from './ipam.ts';
import type { NetworkRegistry } from './network-registry.ts';
import type { NetworkRecord } from './network-table.ts';
import type { PortPublisher } from './port-publisher.ts';
import { publicationsOf } from './publications.ts';
import type { Sandboxes } from './sandboxes.ts';

/** What the operations of this folder share. */
export interface NetworkParts {
  readonly names: InstanceNames;
  readonly networks: NetworkRegistry;
  readonly endpoints: EndpointRegistry;
  readonly ipam: Ipam;
  readonly links: BridgeLinks;
  readonly firewall: Firewall;
  readonly conntrack: Conntrack;
  readonly publisher: PortPublisher;
  readonly sandboxes: Sandboxes;
  readonly forwardWarning: ForwardWarning;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly resolveContainerName: (containerId: string) => string | undefined;
}

export function firewallNetwork(network: NetworkRecord, names: InstanceNames): FirewallNetwork {
  const { isMasqueraded, isOpenWithin } = parseBridgeOptions(network.options);
  return {
    bridge: bridgeNameOf(network, names),
    subnets: network.ipam.pools.map(pool => pool.subnet),
    isInternal: network.isInternal,
    isMasqueraded,
    isOpenWithin,
  };
}

export function firewallEndpoint(
  endpoint: EndpointRecord,
  network: NetworkRecord,
  names: InstanceNames,
): FirewallEndpoint {
  return {
    bridge: bridgeNameOf(network, names),
    addresses: [endpoint.ipv4, endpoint.ipv6].flatMap(address => (address ? [address.address] : [])),
    publications: publicationsOf(endpoint.ports, endpoint),
  };
}
