import { isIPv6 } from 'node:net';
import type { Conntrack } from '#sys/netlink/conntrack';
import {
  type FlowFilter,
  flowsFrom,
  flowsThroughPort,
  flowsTo,
  udpFlowsToPort,
} from '#sys/netlink/conntrack-requests';
import type { EndpointRecord } from './endpoint-table.ts';
import { ipBytes, parseIp } from './ip-address.ts';

/**
 * Why connections are to be forgotten: ports began to lead to a container, ports of one that lives on were closed, or a
 * container is gone, and its addresses will be another's.
 */
export type FlowChange = 'published' | 'closed' | 'released';

/** Each costs the kernel a walk through its table of connections. */
const FILTERS_MAX = 64;

/**
 * The kernel goes on sending a client where it sent it before, UDP without end and TCP as long as it believes in the
 * connection. So what is tracked is forgotten when that is not where it should go any more.
 */
export async function forgetFlows(
  conntrack: Conntrack,
  endpoints: readonly EndpointRecord[],
  change: FlowChange,
): Promise<void> {
  await conntrack.forget(endpoints.flatMap(FILTERS[change]).slice(0, FILTERS_MAX));
}

const FILTERS: Readonly<Record<FlowChange, (endpoint: EndpointRecord) => FlowFilter[]>> = {
  // A first packet of TCP is seen for what it is; UDP has none.
  published: ({ ports }) =>
    ports
      .filter(port => port.protocol === 'udp')
      .map(port => udpFlowsToPort(port.hostPort, isIPv6(port.hostIp) ? 6 : 4)),
  closed: endpoint =>
    endpoint.ports.flatMap(port => {
      const address = bytesOf(isIPv6(port.hostIp) ? endpoint.ipv6 : endpoint.ipv4);
      return address ? [flowsThroughPort({ ...port, address })] : [];
    }),
  released: ({ ipv4, ipv6 }) =>
    [ipv4, ipv6].flatMap(each => {
      const address = bytesOf(each);
      return address ? [flowsTo(address), flowsFrom(address)] : [];
    }),
};

function bytesOf(address: EndpointRecord['ipv4']): Buffer | undefined {
  const ip = address && parseIp(address.address);
  return ip && ipBytes(ip);
}
