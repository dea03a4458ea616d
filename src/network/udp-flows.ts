import type { Conntrack } from '#sys/netlink/conntrack';
import { type FlowFilter, udpFlowsTo, udpFlowsToPort } from '#sys/netlink/conntrack-requests';
import type { EndpointRecord } from './endpoint-table.ts';
import { ipBytes, parseIp } from './ip-address.ts';

/** Each costs the kernel a walk through its table of connections. */
const FILTERS_MAX = 64;

/**
 * UDP has no end of a connection: the kernel goes on sending a client where it sent it before. So what is tracked is
 * forgotten when ports begin to lead to a container, and when they cease to.
 */
export async function forgetUdpFlows(
  conntrack: Conntrack,
  endpoints: readonly EndpointRecord[],
  when: 'published' | 'released',
): Promise<void> {
  const filters = endpoints.flatMap(when === 'published' ? toPorts : toContainer);
  await conntrack.forget(filters.slice(0, FILTERS_MAX));
}

function toPorts(endpoint: EndpointRecord): FlowFilter[] {
  return endpoint.ports
    .filter(port => port.protocol === 'udp')
    .map(port => udpFlowsToPort(port.hostPort, port.hostIp.includes(':') ? 6 : 4));
}

function toContainer(endpoint: EndpointRecord): FlowFilter[] {
  if (!endpoint.ports.some(port => port.protocol === 'udp')) return [];
  return [endpoint.ipv4, endpoint.ipv6].flatMap(address => {
    const ip = address && parseIp(address.address);
    return ip ? [udpFlowsTo(ipBytes(ip))] : [];
  });
}
