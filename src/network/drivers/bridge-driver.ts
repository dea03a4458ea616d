import { closeSync, openSync } from 'node:fs';
import { EngineError } from '#base/errors';
import type { Logger } from '#base/logger';
import { addAddress, deleteAddress } from '#sys/netlink/address-requests';
import { createBridge, createVeth, deleteLink, setLink } from '#sys/netlink/link-requests';
import type { NetlinkRequest } from '#sys/netlink/netlink-message';
import { NETLINK_ROUTE, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { dumpAddresses, dumpLinks, findLink, type Link } from '#sys/netlink/netlink-tables';
import { isErrno } from '#sys/sys-error';
import { ensureSysctl, openSysctlView, readSysctl, writeSysctl } from '#sys/sysctl';
import type { EndpointRecord } from '../endpoint-table.ts';
import type { FirewallEndpoint, FirewallNetwork } from '../firewall-rules.ts';
import { deleteLinks } from '../host-links.ts';
import type { InstanceNames } from '../instance-names.ts';
import { broadcastOf, ipBytes, parseIp, parseSubnet } from '../ip-address.ts';
import { macBytes, macFor } from '../mac-address.ts';
import type { NetworkRecord } from '../network-table.ts';
import { publicationsOf } from '../publications.ts';
import { configureInterface, setIpv6 } from '../sandbox-interface.ts';
import { checkBridge, parseBridgeOptions } from './bridge-options.ts';
import type { HostLinksByName, NetworkDriver, Publishing } from './network-driver.ts';

/** Name of a network's bridge on the host. */
export function bridgeNameOf(network: NetworkRecord, names: InstanceNames): string {
  return parseBridgeOptions(network.options).bridgeName ?? names.bridge(network.id);
}

export interface BridgeDriverDeps {
  readonly names: InstanceNames;
  readonly logger: Logger;
  /** told the index of each bridge before its addresses are asked for again */
  readonly onLink: (linkIndex: number) => void;
}

/** Bridges, and veth pairs that plug containers into them. */
export class BridgeDriver implements NetworkDriver, Disposable {
  readonly name = 'bridge';
  readonly hasInterfaces = true;
  readonly isOnLan = false;
  readonly #names: InstanceNames;
  readonly #logger: Logger;
  readonly #onLink: BridgeDriverDeps['onLink'];
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  readonly #sysctls = openSysctlView();
  /** network → interface index of its bridge, as last seen */
  readonly #indexes = new Map<string, number>();
  readonly #loopbackAllowed = new Set<string>();

  constructor({ names, logger, onLink }: BridgeDriverDeps) {
    this.#names = names;
    this.#onLink = onLink;
    this.#logger = logger;
  }

  check(network: NetworkRecord): void {
    checkBridge(network);
  }

  interfacePrefix({ options }: NetworkRecord): string {
    return parseBridgeOptions(options).interfacePrefix;
  }

  fixedMac(): undefined {
    return undefined;
  }

  isRoutedByDevice(): boolean {
    return false;
  }

  publishing({ options }: NetworkRecord): Publishing {
    const { defaultHostIp, gatewayMode } = parseBridgeOptions(options);
    const families = ([4, 6] as const).filter(family => gatewayMode[family] !== 'isolated');
    return {
      rewritten: families.filter(family => gatewayMode[family] !== 'routed'),
      routed: families.filter(family => gatewayMode[family] === 'routed'),
      ...(defaultHostIp !== undefined && { defaultHostIp }),
    };
  }

  linksOf(network: NetworkRecord): readonly string[] {
    return [bridgeNameOf(network, this.#names)];
  }

  firewallNetwork(network: NetworkRecord): FirewallNetwork {
    const { isMasqueraded, isOpenWithin, gatewayMode, sourceAddress } = parseBridgeOptions(network.options);
    return {
      bridge: bridgeNameOf(network, this.#names),
      subnets: network.ipam.pools.map(pool => pool.subnet),
      isInternal: network.isInternal,
      masqueraded: isMasqueraded ? ([4, 6] as const).filter(each => gatewayMode[each] !== 'routed') : [],
      sourceAddress,
      isOpenWithin,
    };
  }

  firewallEndpoint(endpoint: EndpointRecord, network: NetworkRecord): FirewallEndpoint {
    const { gatewayMode, trustedLinks } = parseBridgeOptions(network.options);
    const published = [...endpoint.ports, ...(endpoint.openPorts ?? [])];
    const addresses = ([4, 6] as const).flatMap(family => {
      const address = (family === 4 ? endpoint.ipv4 : endpoint.ipv6)?.address;
      const mode = gatewayMode[family];
      if (address === undefined) return [];
      const isOpen = mode === 'routed' || trustedLinks.length > 0;
      return [{ address, mode, trustedLinks, openPorts: isOpen ? published : [] }];
    });
    const bridge = bridgeNameOf(network, this.#names);
    const bridgeIndex = this.#indexes.get(network.id) ?? findLink(this.#socket, bridge)?.index;
    return {
      bridge,
      ...(bridgeIndex !== undefined && { bridgeIndex }),
      addresses,
      ...(endpoint.linkLocal && { linkLocal: endpoint.linkLocal }),
      publications: publicationsOf(endpoint.ports, endpoint),
    };
  }

  ensureNetwork(network: NetworkRecord): void {
    this.#ensureBridge(network);
  }

  /** Deletes the bridge unless it was there before us. */
  async removeNetwork(network: NetworkRecord): Promise<void> {
    this.#indexes.delete(network.id);
    const link = findLink(this.#socket, bridgeNameOf(network, this.#names));
    if (!link) return;
    if (this.#names.isOwnAlias(link.alias)) await deleteLinks([link.name]);
    else if (link.group === this.#names.bridgeGroup) this.#socket.run(setLink(link.index, { group: 0 }));
  }

  /** @returns the bridge's index. */
  #ensureBridge(network: NetworkRecord): number {
    const name = bridgeNameOf(network, this.#names);
    const options = parseBridgeOptions(network.options);
    let link = findLink(this.#socket, name);
    const isNew = link === undefined;
    if (!link) {
      const mac = macBytes(macFor(network.ipam.pools.map(pool => pool.gateway ?? '')));
      this.#socket.run(createBridge({ name, mac, mtu: options.mtu }));
      link = findLink(this.#socket, name);
    }
    if (link?.kind !== 'bridge') {
      throw new EngineError('conflict', `interface ${name} exists and is not a bridge`);
    }
    if (!isNew && link.group !== this.#names.bridgeGroup) this.#takeIntoGroup(link);
    this.#loopbackAllowed.delete(network.id);
    setIpv6(name, network.hasIpv6, this.#sysctls);
    const wanted = gatewayAddresses(network, link.index);
    this.#socket.run(
      // By itself, as a change to a link that is up makes the kernel go through all routes of IPv6.
      ...(isNew
        ? [setLink(link.index, { alias: this.#names.linkAlias(network.id), group: this.#names.bridgeGroup })]
        : []),
      ...(isNew ? [] : this.#strayAddresses(network, link, wanted)),
      setLink(link.index, { isUp: true }),
      ...wanted.map(addAddress),
    );
    if (!network.isInternal) this.#ensureForwarding(network);
    this.#indexes.set(network.id, link.index);
    this.#onLink(link.index);
    return link.index;
  }

  /** The firewall tells by it what comes from containers. */
  #takeIntoGroup({ index, name, group }: Link): void {
    if (group !== 0)
      this.#logger.warn('a bridge was in a group of links that it leaves for ours', { name, group });
    this.#socket.run(setLink(index, { group: this.#names.bridgeGroup }));
  }

  /** Lets the host reach ports published on 127.0.0.1; the firewall keeps everybody else from using it. */
  allowLoopback(network: NetworkRecord): void {
    if (this.#loopbackAllowed.has(network.id)) return;
    ensureSysctl(`net/ipv4/conf/${bridgeNameOf(network, this.#names)}/route_localnet`, 1, this.#sysctls);
    this.#loopbackAllowed.add(network.id);
  }

  /** The host's end comes up last: an end that is up has everything behind it. */
  plug(endpoint: EndpointRecord, network: NetworkRecord, netns: string): boolean {
    const index = this.#indexes.get(network.id) ?? this.#ensureBridge(network);
    const fd = openSync(netns, 'r');
    try {
      const isAnew = this.#createPair(endpoint, network, { index, fd });
      configureInterface(fd, endpoint);
      this.#socket.run(setLink(this.#names.veth(endpoint.id), { isUp: true }));
      return isAnew;
    } finally {
      closeSync(fd);
    }
  }

  holds(endpoint: EndpointRecord, links: HostLinksByName): boolean {
    return links.get(this.#names.veth(endpoint.id))?.isUp === true;
  }

  replug(endpoint: EndpointRecord, network: NetworkRecord, links: HostLinksByName): void {
    const link = links.get(this.#names.veth(endpoint.id));
    const bridgeIndex = this.#indexes.get(network.id);
    if (!link || bridgeIndex === undefined || link.masterIndex === bridgeIndex) return;
    const { isOpenWithin } = parseBridgeOptions(network.options);
    this.#socket.run(
      setLink(link.index, { bridgeIndex }),
      setLink(link.index, { isHairpin: true, isIsolated: isIsolating(isOpenWithin) }),
    );
  }

  cutOff(endpoints: readonly EndpointRecord[]): void {
    const requests = endpoints.map(({ id }) => setLink(this.#names.veth(id), { isBlocked: true }));
    for (const { error } of this.#socket.outcomes(requests)) {
      // Down already, or gone with its name space.
      if (error && !isErrno(error, 'ENODEV', 'ENETDOWN', 'EINVAL', 'EOPNOTSUPP')) throw error;
    }
  }

  async unplug({ id }: EndpointRecord): Promise<void> {
    await deleteLinks([this.#names.veth(id)]);
  }

  [Symbol.dispose](): void {
    this.#sysctls[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }

  #createPair(
    endpoint: EndpointRecord,
    network: NetworkRecord,
    { index, fd }: { readonly index: number; readonly fd: number },
  ): boolean {
    const name = this.#names.veth(endpoint.id);
    const { mtu, isOpenWithin } = parseBridgeOptions(network.options);
    const requests = (bridgeIndex: number): NetlinkRequest[] => [
      createVeth({
        name,
        bridgeIndex,
        mtu,
        peerName: endpoint.interfaceName,
        peerNetns: fd,
        peerMac: macBytes(endpoint.macAddress),
      }),
      setLink(name, { isHairpin: true, isIsolated: isIsolating(isOpenWithin), isWithoutLinkLocal: true }),
    ];
    try {
      this.#socket.run(...requests(index));
      return false;
    } catch (error) {
      // The bridge may have been deleted, or deleted and made anew, behind our back.
      const present = this.#ensureBridge(network);
      if (present === index) throw error;
      this.#logger.warn('bridge was gone and has been made anew', { network: network.name });
      this.#socket.outcomes([deleteLink(name)]);
      this.#socket.run(...requests(present));
      return true;
    }
  }

  #strayAddresses(
    network: NetworkRecord,
    link: Link,
    wanted: readonly { readonly address: Buffer }[],
  ): NetlinkRequest[] {
    if (link.alias !== this.#names.linkAlias(network.id)) return [];
    return dumpAddresses(this.#socket, link.index)
      .filter(({ address }) => address.length === 4 && !wanted.some(other => other.address.equals(address)))
      .map(deleteAddress);
  }

  #ensureForwarding(network: NetworkRecord): void {
    if (network.hasIpv4 && ensureSysctl('net/ipv4/ip_forward', 1, this.#sysctls)) {
      this.#logger.info('enabled IPv4 forwarding on this host: containers need it (net.ipv4.ip_forward=1)');
    }
    // Asked first, because with many links the rest takes long.
    if (!network.hasIpv6 || readSysctl('net/ipv6/conf/all/forwarding', this.#sysctls) === '1') return;
    // A forwarding host stops listening to router advertisements unless told to go on; the host keeps its address.
    for (const link of dumpLinks(this.#socket)) {
      const name = `net/ipv6/conf/${link.name}/accept_ra`;
      if (readSysctl(name, this.#sysctls) === '1') writeSysctl(name, 2, this.#sysctls);
    }
    if (ensureSysctl('net/ipv6/conf/all/forwarding', 1, this.#sysctls)) {
      this.#logger.info('enabled IPv6 forwarding on this host (net.ipv6.conf.all.forwarding=1)');
    }
  }
}

function gatewayAddresses(
  network: NetworkRecord,
  linkIndex: number,
): { linkIndex: number; address: Buffer; prefixLength: number; broadcast?: Buffer }[] {
  const { gatewayMode, isWithoutIpv4 } = parseBridgeOptions(network.options);
  return network.ipam.pools.flatMap(pool => {
    const subnet = parseSubnet(pool.subnet);
    const gateway = pool.gateway === undefined ? undefined : parseIp(pool.gateway);
    if (!subnet || !gateway || gatewayMode[subnet.family] === 'isolated') return [];
    if (subnet.family === 4 && isWithoutIpv4) return [];
    const last = broadcastOf(subnet);
    const broadcast = last && { broadcast: ipBytes(last) };
    return [{ linkIndex, address: ipBytes(gateway), prefixLength: subnet.prefixLength, ...broadcast }];
  });
}

/**
 * Containers of a bridge that may not talk are kept apart by our rules where frames between ports pass them
 * (br_netfilter), else by the bridge itself. Never by both: what a container publishes must stay reachable, and
 * br_netfilter sends that from port to port, too.
 */
function isIsolating(isOpenWithin: boolean): boolean {
  return !isOpenWithin && readSysctl('net/bridge/bridge-nf-call-iptables') !== '1';
}
