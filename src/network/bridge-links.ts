import { closeSync, openSync } from 'node:fs';
import { EngineError } from '#base/errors';
import type { Logger } from '#base/logger';
import { addAddress, addRoute, deleteAddress } from '#sys/netlink/address-requests';
import { createBridge, createVeth, deleteLink, setLink } from '#sys/netlink/link-requests';
import type { NetlinkRequest } from '#sys/netlink/netlink-message';
import { NETLINK_ROUTE, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { dumpAddresses, dumpLinks, dumpRoutes, findLink, type Link } from '#sys/netlink/netlink-tables';
import { inNetns } from '#sys/netns';
import { isErrno } from '#sys/sys-error';
import { ensureSysctl, readSysctl, writeSysctl } from '#sys/sysctl';
import { parseBridgeOptions } from './bridge-options.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import type { InstanceNames } from './instance-names.ts';
import { ipBytes, ipFromBytes, lastOf, parseIp, parseSubnet, subnetAround } from './ip-address.ts';
import { macBytes, macFor } from './mac-address.ts';
import type { TakenSubnet } from './network-plan.ts';
import type { NetworkRecord } from './network-table.ts';

/** Name of a network's bridge on the host. */
export function bridgeNameOf(network: NetworkRecord, names: InstanceNames): string {
  return parseBridgeOptions(network.options).bridgeName ?? names.bridge(network.id);
}

/** Bridges and veth pairs of the host's network name space: what the kernel needs to be told. */
export class BridgeLinks implements Disposable {
  readonly #names: InstanceNames;
  readonly #logger: Logger;
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  /** network → interface index of its bridge, as last seen */
  readonly #indexes = new Map<string, number>();
  readonly #loopbackAllowed = new Set<string>();

  constructor({ names, logger }: { readonly names: InstanceNames; readonly logger: Logger }) {
    this.#names = names;
    this.#logger = logger;
  }

  list(): Link[] {
    return dumpLinks(this.#socket);
  }

  /** Makes the bridge of a network, or brings what is there into shape. @returns its index. @throws {SysError}, `conflict`. */
  ensureBridge(network: NetworkRecord): number {
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
    this.#loopbackAllowed.delete(network.id);
    setIpv6(name, network.hasIpv6);
    const alias = isNew ? { alias: this.#names.bridgeAlias(network.id) } : {};
    const wanted = gatewayAddresses(network, link.index);
    this.#socket.run(
      ...(isNew ? [] : this.#strayAddresses(network, link, wanted)),
      setLink(link.index, { isUp: true, ...alias }),
      ...wanted.map(addAddress),
    );
    if (!network.isInternal) this.#ensureForwarding(network);
    this.#indexes.set(network.id, link.index);
    return link.index;
  }

  /** Lets the host reach ports published on 127.0.0.1; the firewall keeps everybody else from using it. */
  allowLoopback(network: NetworkRecord): void {
    if (this.#loopbackAllowed.has(network.id)) return;
    ensureSysctl(`net/ipv4/conf/${bridgeNameOf(network, this.#names)}/route_localnet`, 1);
    this.#loopbackAllowed.add(network.id);
  }

  /**
   * Plugs a container into a bridge. The host's end comes up last: an end that is up has everything behind it.
   *
   * @param netns path of the container's network name space
   * @returns whether the bridge had to be made anew: then other endpoints are unplugged, see {@link replug}.
   * @throws {SysError} what was made is gone then, or goes with the name space.
   */
  connect(endpoint: EndpointRecord, network: NetworkRecord, netns: string): boolean {
    const index = this.#indexes.get(network.id) ?? this.ensureBridge(network);
    const fd = openSync(netns, 'r');
    try {
      const isAnew = this.#createPair(endpoint, network, { index, fd });
      configureInside(fd, endpoint);
      this.#socket.run(setLink(this.#names.veth(endpoint.id), { isUp: true }));
      return isAnew;
    } finally {
      closeSync(fd);
    }
  }

  /** Puts a link that is fine in itself back into its bridge, should that have been made anew. */
  replug(endpoint: EndpointRecord, network: NetworkRecord, links: ReadonlyMap<string, Link>): void {
    const link = links.get(this.#names.veth(endpoint.id));
    const bridgeIndex = this.#indexes.get(network.id);
    if (!link || bridgeIndex === undefined || link.masterIndex === bridgeIndex) return;
    const { isOpenWithin } = parseBridgeOptions(network.options);
    this.#socket.run(
      setLink(link.index, { bridgeIndex }),
      setLink(link.index, { isHairpin: true, isIsolated: isIsolating(isOpenWithin) }),
    );
  }

  /** Makes an endpoint the way out of its container. */
  setDefaultRoute(endpoint: EndpointRecord, netns: string): void {
    inNetns(netns, () => {
      using socket = new NetlinkSocket(NETLINK_ROUTE);
      const link = findLink(socket, endpoint.interfaceName);
      if (link) socket.run(...defaultRoutes(endpoint, link.index));
    });
  }

  /** Stops all traffic of endpoints at once. Their links go with the name space. Happy to find nothing. */
  cutOff(endpointIds: readonly string[]): void {
    const requests = endpointIds.map(id => setLink(this.#names.veth(id), { isBlocked: true }));
    for (const { error } of this.#socket.outcomes(requests)) {
      // Down already, or gone with its name space.
      if (error && !isErrno(error, 'ENODEV', 'ENETDOWN', 'EINVAL', 'EOPNOTSUPP')) throw error;
    }
  }

  /** Deletes links, each about 30 ms of kernel time on another thread. Happy to find nothing. */
  async delete(links: readonly string[]): Promise<void> {
    if (links.length === 0) return;
    using socket = new NetlinkSocket(NETLINK_ROUTE);
    for (const { error } of await socket.outcomesInBackground(links.map(deleteLink))) {
      if (error && !isErrno(error, 'ENODEV')) throw error;
    }
  }

  /** Deletes the bridge of a network unless it was there before us. */
  async deleteBridge(network: NetworkRecord): Promise<void> {
    this.#indexes.delete(network.id);
    const link = findLink(this.#socket, bridgeNameOf(network, this.#names));
    if (link && this.#names.isOwnBridgeAlias(link.alias)) await this.delete([link.name]);
  }

  forget(networkId: string): void {
    this.#indexes.delete(networkId);
  }

  /** Ranges that the host's interfaces and routes use, those of the links named aside. */
  takenSubnets(ownLinks: ReadonlySet<string>): TakenSubnet[] {
    const links = new Map(this.list().map(link => [link.index, link.name]));
    const taken: TakenSubnet[] = [];
    for (const { linkIndex, address, prefixLength } of dumpAddresses(this.#socket)) {
      const name = links.get(linkIndex) ?? '';
      if (ownLinks.has(name)) continue;
      taken.push({ subnet: subnetAround(ipFromBytes(address), prefixLength), holder: `interface ${name}` });
    }
    for (const family of [4, 6] as const) {
      for (const { linkIndex, destination, prefixLength } of dumpRoutes(this.#socket, family)) {
        const name = links.get(linkIndex) ?? '';
        // A default route, or one half of it as VPNs make them, takes nothing in particular.
        if (!destination || prefixLength <= 1 || ownLinks.has(name)) continue;
        taken.push({
          subnet: subnetAround(ipFromBytes(destination), prefixLength),
          holder: `a route by ${name}`,
        });
      }
    }
    return taken;
  }

  [Symbol.dispose](): void {
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
      const present = this.ensureBridge(network);
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
    if (link.alias !== this.#names.bridgeAlias(network.id)) return [];
    return dumpAddresses(this.#socket)
      .filter(({ linkIndex, address }) => linkIndex === link.index && address.length === 4)
      .filter(({ address }) => !wanted.some(other => other.address.equals(address)))
      .map(deleteAddress);
  }

  #ensureForwarding(network: NetworkRecord): void {
    if (network.hasIpv4 && ensureSysctl('net/ipv4/ip_forward', 1)) {
      this.#logger.info('enabled IPv4 forwarding on this host: containers need it (net.ipv4.ip_forward=1)');
    }
    if (!network.hasIpv6) return;
    // A forwarding host stops listening to router advertisements unless told to go on; the host keeps its address.
    for (const link of this.list()) {
      const name = `net/ipv6/conf/${link.name}/accept_ra`;
      if (readSysctl(name) === '1') writeSysctl(name, 2);
    }
    if (ensureSysctl('net/ipv6/conf/all/forwarding', 1)) {
      this.#logger.info('enabled IPv6 forwarding on this host (net.ipv6.conf.all.forwarding=1)');
    }
  }
}

/**
 * Nobody on a bridge tells the others where to route (CVE-2020-13401), and without IPv6 on the network there is none on
 * its interfaces. Addresses are ours to give, so none waits a second for duplicates to answer.
 */
function setIpv6(link: string, isOn: boolean): void {
  writeSysctl(`net/ipv6/conf/${link}/accept_ra`, 0);
  writeSysctl(`net/ipv6/conf/${link}/accept_dad`, 0);
  writeSysctl(`net/ipv6/conf/${link}/disable_ipv6`, isOn ? 0 : 1);
}

/** Everything the container's side needs, in one message. */
function configureInside(netns: number, endpoint: EndpointRecord): void {
  inNetns(netns, () => {
    using socket = new NetlinkSocket(NETLINK_ROUTE);
    const link = findLink(socket, endpoint.interfaceName);
    if (!link) throw new EngineError('internal', `interface ${endpoint.interfaceName} vanished`);
    if (endpoint.ipv6) setIpv6(endpoint.interfaceName, true);
    socket.run(
      setLink(link.index, { isUp: true }),
      ...[endpoint.ipv4, endpoint.ipv6].flatMap(address => {
        const ip = address && parseIp(address.address);
        if (!ip) return [];
        const { prefixLength } = address;
        const broadcast =
          ip.family === 4 ? { broadcast: ipBytes(lastOf(subnetAround(ip, prefixLength))) } : {};
        return [addAddress({ linkIndex: link.index, address: ipBytes(ip), prefixLength, ...broadcast })];
      }),
      ...(endpoint.isGateway ? defaultRoutes(endpoint, link.index) : []),
    );
  });
}

function defaultRoutes(endpoint: EndpointRecord, linkIndex: number): NetlinkRequest[] {
  return [endpoint.ipv4?.gateway, endpoint.ipv6?.gateway].flatMap(gateway => {
    const ip = gateway === undefined ? undefined : parseIp(gateway);
    if (!ip) return [];
    return [addRoute({ linkIndex, family: ip.family, gateway: ipBytes(ip) }, { isReplacing: true })];
  });
}

function gatewayAddresses(
  network: NetworkRecord,
  linkIndex: number,
): { linkIndex: number; address: Buffer; prefixLength: number; broadcast?: Buffer }[] {
  return network.ipam.pools.flatMap(pool => {
    const subnet = parseSubnet(pool.subnet);
    const gateway = pool.gateway === undefined ? undefined : parseIp(pool.gateway);
    if (!subnet || !gateway) return [];
    const broadcast = subnet.family === 4 ? { broadcast: ipBytes(lastOf(subnet)) } : {};
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
