import type { EventSink } from '#base/engine-event';
import type { FaultSwitch } from '#base/fault-points';
import type { Logger } from '#base/logger';
import type { Conntrack } from '#sys/netlink/conntrack';
import type { DriverTable } from './drivers/driver-table.ts';
import type { ForeignEndpoints } from './drivers/foreign-endpoints.ts';
import type { ForeignIpam } from './drivers/foreign-ipam.ts';
import type { EndpointRegistry } from './endpoint-registry.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import type { Firewall } from './firewall.ts';
import type { FirewallEndpoint } from './firewall-rules.ts';
import type { ForwardWarning } from './forward-warning.ts';
import type { HostLinks } from './host-links.ts';
import type { InstanceNames } from './instance-names.ts';
import type { Ipam } from './ipam.ts';
import type { NetworkRegistry } from './network-registry.ts';
import type { PortPublisher } from './port-publisher.ts';
import type { PublishingPolicy } from './publishing-policy.ts';
import type { Sandboxes } from './sandboxes.ts';

/** What the operations of this folder share. */
export interface NetworkParts {
  readonly names: InstanceNames;
  readonly networks: NetworkRegistry;
  readonly endpoints: EndpointRegistry;
  readonly ipam: Ipam;
  readonly drivers: DriverTable;
  readonly foreign: ForeignEndpoints;
  readonly foreignIpam: ForeignIpam;
  /** networks that something is being done to that waits for others */
  readonly busy: Set<string>;
  readonly hostLinks: HostLinks;
  readonly firewall: Firewall;
  readonly conntrack: Conntrack;
  readonly publisher: PortPublisher;
  readonly publishing: PublishingPolicy;
  readonly sandboxes: Sandboxes;
  readonly forwardWarning: ForwardWarning;
  readonly events: EventSink;
  readonly faults: FaultSwitch;
  readonly logger: Logger;
  readonly resolveContainerName: (containerId: string) => string | undefined;
}

/** What the firewall has to know of endpoints, by their identifiers; those without an interface are left out. */
export function firewallEndpoints(
  endpoints: readonly EndpointRecord[],
  { drivers, networks }: Pick<NetworkParts, 'drivers' | 'networks'>,
): Map<string, FirewallEndpoint> {
  const rules = new Map<string, FirewallEndpoint>();
  for (const endpoint of endpoints) {
    if (endpoint.interfaceName === '') continue;
    const network = networks.get(endpoint.networkId);
    const rule = drivers.of(network).firewallEndpoint(endpoint, network);
    if (rule) rules.set(endpoint.id, rule);
  }
  return rules;
}
