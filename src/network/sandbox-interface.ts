import { EngineError, messageOf } from '#base/errors';
import { addAddress, addRoute } from '#sys/netlink/address-requests';
import { setLink } from '#sys/netlink/link-requests';
import type { NetlinkRequest } from '#sys/netlink/netlink-message';
import { NETLINK_ROUTE, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { findLink } from '#sys/netlink/netlink-tables';
import { inNetns } from '#sys/netns';
import { openSysctlView, type SysctlView, writeSysctl } from '#sys/sysctl';
import type { InterfaceSysctl } from './endpoint-options.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import { broadcastOf, ipBytes, parseIp, subnetAround } from './ip-address.ts';
import { linkLocalPrefix } from './link-local.ts';

/** Everything a container's side of an endpoint needs, in one message. @param netns path or descriptor of its sandbox */
export function configureInterface(netns: string | number, endpoint: EndpointRecord): void {
  const linkLocal = (endpoint.linkLocal ?? []).flatMap(text => parseIp(text) ?? []);
  const hasIpv6 = endpoint.ipv6 !== undefined || linkLocal.some(({ family }) => family === 6);
  using sysctls = hasIpv6 ? openSysctlView() : undefined;
  inNetns(netns, () => {
    using socket = new NetlinkSocket(NETLINK_ROUTE);
    const link = findLink(socket, endpoint.interfaceName);
    if (!link) throw new EngineError('internal', `interface ${endpoint.interfaceName} vanished`);
    if (sysctls) setIpv6(endpoint.interfaceName, true, sysctls);
    socket.run(
      setLink(link.index, { isUp: true }),
      ...[endpoint.ipv4, endpoint.ipv6].flatMap(address => {
        const ip = address && parseIp(address.address);
        if (!ip) return [];
        const { prefixLength } = address;
        const last = broadcastOf(subnetAround(ip, prefixLength));
        const broadcast = last && { broadcast: ipBytes(last) };
        return [addAddress({ linkIndex: link.index, address: ipBytes(ip), prefixLength, ...broadcast })];
      }),
      ...linkLocal.map(ip =>
        addAddress({ linkIndex: link.index, address: ipBytes(ip), prefixLength: linkLocalPrefix(ip) }),
      ),
      ...(endpoint.isGateway ? defaultRoutes(endpoint, link.index) : []),
    );
    for (const sysctl of endpoint.sysctls ?? []) applySysctl(endpoint.interfaceName, sysctl);
  });
}

/** @throws `invalid` for a parameter that the kernel has not, or a value that it does not take. */
function applySysctl(link: string, { protocol, kind, parameter, value }: InterfaceSysctl): void {
  const name = `net.${protocol}.${kind}.${link}.${parameter}`;
  try {
    if (writeSysctl(`net/${protocol}/${kind}/${link}/${parameter}`, value)) return;
  } catch (error) {
    throw new EngineError('invalid', `cannot set ${name}=${value}: ${messageOf(error)}`, { cause: error });
  }
  throw new EngineError('invalid', `cannot set ${name}: the kernel has no such parameter for this interface`);
}

/** Makes an endpoint the way out of its container. */
export function setDefaultRoute(endpoint: EndpointRecord, netns: string): void {
  inNetns(netns, () => {
    using socket = new NetlinkSocket(NETLINK_ROUTE);
    const link = findLink(socket, endpoint.interfaceName);
    if (link) socket.run(...defaultRoutes(endpoint, link.index));
  });
}

/**
 * Nobody on a bridge tells the others where to route (CVE-2020-13401), and without IPv6 on the network there is none on
 * its interfaces. Addresses are ours to give, so none waits a second for duplicates to answer.
 */
export function setIpv6(link: string, isOn: boolean, sysctls: SysctlView): void {
  writeSysctl(`net/ipv6/conf/${link}/accept_ra`, 0, sysctls);
  writeSysctl(`net/ipv6/conf/${link}/accept_dad`, 0, sysctls);
  writeSysctl(`net/ipv6/conf/${link}/disable_ipv6`, isOn ? 0 : 1, sysctls);
}

function defaultRoutes(endpoint: EndpointRecord, linkIndex: number): NetlinkRequest[] {
  if (endpoint.isRoutedByDevice) {
    const families = [...(endpoint.ipv4 ? [4 as const] : []), ...(endpoint.ipv6 ? [6 as const] : [])];
    return families.map(family => addRoute({ linkIndex, family }, { isReplacing: true }));
  }
  return [endpoint.ipv4?.gateway, endpoint.ipv6?.gateway].flatMap(gateway => {
    const ip = gateway === undefined ? undefined : parseIp(gateway);
    if (!ip) return [];
    return [addRoute({ linkIndex, family: ip.family, gateway: ipBytes(ip) }, { isReplacing: true })];
  });
}
