import type { Publishing } from './drivers/network-driver.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import type { OpenPort } from './firewall-rules.ts';
import type { PortRequest } from './network.ts';
import type { NetworkParts } from './network-parts.ts';
import type { TakeOptions } from './port-book.ts';
import { EVERYWHERE } from './publishing-policy.ts';

/** How ports of the host are taken for an endpoint: what its network says, else the administrator. */
export function takeOptions(
  { drivers, networks, publishing }: Pick<NetworkParts, 'drivers' | 'networks' | 'publishing'>,
  { networkId }: Pick<EndpointRecord, 'networkId'>,
): Required<TakeOptions> {
  const network = networks.get(networkId);
  const { rewritten, defaultHostIp = publishing.defaultHostIp } = drivers.of(network).publishing(network);
  return { families: rewritten, defaultHostIp: defaultHostIp === EVERYWHERE ? '' : defaultHostIp };
}

/** What a routed network lets in, at the container's own address. */
export function openPortsOf(
  { routed }: Publishing,
  requests: readonly PortRequest[],
): OpenPort[] | undefined {
  if (requests.length === 0 || routed.length === 0) return undefined;
  return requests.map(({ protocol, containerPort }) => ({ protocol, containerPort }));
}
