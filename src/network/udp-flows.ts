import { forgetUdpFlowsTo, forgetUdpFlowsToPort } from '#sys/netlink/conntrack-requests';
import type { NetlinkRequest } from '#sys/netlink/netlink-message';
import { NETLINK_NETFILTER, NetlinkSocket } from '#sys/netlink/netlink-socket';
import type { EndpointRecord } from './endpoint-table.ts';
import { ipBytes, parseIp } from './ip-address.ts';

/** Each costs the kernel a walk through its table of connections. */
const PORTS_MAX = 64;

/**
 * UDP has no end of a connection: the kernel goes on sending a client where it sent it before. So what is tracked is
 * forgotten when ports begin to lead to a container, and when they cease to. On another thread.
 *
 * Kernels before 6.13 cannot delete by such a filter; there the entries run out after 30 to 120 s of silence.
 */
export async function forgetUdpFlows(
  endpoints: readonly EndpointRecord[],
  when: 'published' | 'released',
): Promise<void> {
  const requests = endpoints.flatMap(endpoint =>
    when === 'published' ? toPorts(endpoint) : toContainer(endpoint),
  );
  if (requests.length === 0) return;
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  await socket.outcomesInBackground(requests.slice(0, PORTS_MAX));
}

function toPorts(endpoint: EndpointRecord): NetlinkRequest[] {
  return endpoint.ports
    .filter(port => port.protocol === 'udp')
    .map(port => forgetUdpFlowsToPort(port.hostPort, port.hostIp.includes(':') ? 6 : 4));
}

function toContainer(endpoint: EndpointRecord): NetlinkRequest[] {
  if (!endpoint.ports.some(port => port.protocol === 'udp')) return [];
  return [endpoint.ipv4, endpoint.ipv6].flatMap(address => {
    const ip = address && parseIp(address.address);
    return ip ? [forgetUdpFlowsTo(ipBytes(ip))] : [];
  });
}
