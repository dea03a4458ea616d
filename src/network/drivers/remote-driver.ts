import { closeSync, openSync } from 'node:fs';
import { EngineError, isKind } from '#base/errors';
import type { Plugin } from '#plugin/plugin';
import type { Plugins } from '#plugin/plugins';
import { addRoute, type RouteOptions } from '#sys/netlink/address-requests';
import { setLink } from '#sys/netlink/link-requests';
import { NETLINK_ROUTE, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { findLink } from '#sys/netlink/netlink-tables';
import { inNetns } from '#sys/netns';
import { isErrno } from '#sys/sys-error';
import type { EndpointRecord } from '../endpoint-table.ts';
import { ipBytes, parseIp, parseSubnet } from '../ip-address.ts';
import { macBytes } from '../mac-address.ts';
import type { NetworkRecord } from '../network-table.ts';
import { configureInterface } from '../sandbox-interface.ts';
import {
  type HostLinksByName,
  type NetworkDriver,
  NO_PUBLISHING,
  type Publishing,
} from './network-driver.ts';
import { GENERIC_OPTIONS, NetworkCapabilities, Nothing } from './remote-protocol.ts';

const OWN_NETNS = '/proc/thread-self/ns/net';
const CAPABILITY = 'NetworkDriver';

/**
 * A network driver in another program (Docker's remote driver protocol). The program makes networks and links by
 * whatever means; we move its link into the sandbox, name it, and give it the addresses. Its part of an endpoint is
 * arranged before and after by `ForeignEndpoints`.
 */
export class RemoteDriver implements NetworkDriver {
  readonly name: string;
  readonly hasInterfaces = true;
  readonly isOnLan = false;
  /** for every call of it */
  readonly callOptions: { readonly timeoutMs: number };
  readonly #plugins: Plugins;

  constructor(name: string, plugins: Plugins, timeoutMs: number) {
    this.name = name;
    this.callOptions = { timeoutMs };
    this.#plugins = plugins;
  }

  /** @throws {EngineError} `notFound`, `unavailable`, … */
  plugin(): Promise<Plugin> {
    return this.#plugins.get(this.name, CAPABILITY, this.callOptions);
  }

  /** @throws `notImplemented` for one that only works in a cluster, what a call throws. */
  async requireLocal(): Promise<void> {
    const plugin = await this.plugin();
    const { Scope } = await plugin.call(
      'NetworkDriver.GetCapabilities',
      {},
      NetworkCapabilities,
      this.callOptions,
    );
    if (Scope === 'local') return;
    throw new EngineError(
      Scope === 'global' ? 'notImplemented' : 'internal',
      Scope === 'global'
        ? `not implemented: network driver ${this.name} is of scope global, which needs a cluster`
        : `plugin "${this.name}": NetworkDriver.GetCapabilities: bad answer: scope ${JSON.stringify(Scope.slice(0, 100))} is neither local nor global`,
    );
  }

  async announceNetwork(network: NetworkRecord): Promise<void> {
    const data = (isIpv6: boolean) =>
      network.ipam.pools
        .filter(({ subnet }) => subnet.includes(':') === isIpv6)
        .map(({ subnet, gateway, auxAddresses = {} }) => ({
          AddressSpace: 'LocalDefault',
          Pool: subnet,
          Gateway: gateway === undefined ? '' : `${gateway}/${subnet.split('/')[1]}`,
          AuxAddresses: auxAddresses,
        }));
    const plugin = await this.plugin();
    await plugin.call(
      'NetworkDriver.CreateNetwork',
      {
        NetworkID: network.id,
        Options: {
          [GENERIC_OPTIONS]: network.options,
          'com.docker.network.enable_ipv4': network.hasIpv4,
          'com.docker.network.enable_ipv6': network.hasIpv6,
          'com.docker.network.internal': network.isInternal,
        },
        IPv4Data: data(false),
        IPv6Data: data(true),
      },
      Nothing,
      this.callOptions,
    );
  }

  check(): void {
    // its options are its own
  }

  interfacePrefix(): string {
    return 'eth';
  }

  fixedMac(): undefined {
    return undefined;
  }

  isRoutedByDevice(): boolean {
    return false;
  }

  publishing(): Publishing {
    return NO_PUBLISHING;
  }

  linksOf(): readonly string[] {
    return [];
  }

  firewallNetwork(): undefined {
    return undefined;
  }

  firewallEndpoint(): undefined {
    return undefined;
  }

  ensureNetwork(): void {
    // the plugin keeps its networks over restarts of the engine
  }

  /** A plugin that is gone for good took its network with it. */
  async removeNetwork(network: NetworkRecord, remaining: readonly NetworkRecord[]): Promise<void> {
    if (remaining.length === 0) return; // the engine stops: nothing is removed
    try {
      const plugin = await this.plugin();
      const request = { NetworkID: network.id };
      await plugin.call('NetworkDriver.DeleteNetwork', request, Nothing, this.callOptions);
    } catch (error) {
      if (!isKind(error, 'notFound')) throw error;
    }
  }

  plug(endpoint: EndpointRecord, _network: NetworkRecord, netns: string): boolean {
    const { sourceLink = '', routes = [] } = endpoint.foreign ?? {};
    if (sourceLink === '') return false;
    using socket = new NetlinkSocket(NETLINK_ROUTE);
    const link = findLink(socket, sourceLink);
    if (!link) throw this.#nonsense(`interface ${sourceLink}, which it promised, is not there`);
    const fd = openSync(netns, 'r');
    try {
      socket.run(setLink(link.index, { isUp: false }));
      socket.run(setLink(link.index, { netns: fd, newName: endpoint.interfaceName }));
      setMac(fd, endpoint);
      configureInterface(fd, endpoint);
      addRoutes(fd, endpoint.interfaceName, routes);
    } finally {
      closeSync(fd);
    }
    return false;
  }

  holds(endpoint: EndpointRecord, _links: HostLinksByName, netns: string): boolean {
    if (!endpoint.foreign?.sourceLink) return true;
    const isUp = inNetns(netns, () => {
      using socket = new NetlinkSocket(NETLINK_ROUTE);
      return findLink(socket, endpoint.interfaceName)?.isUp;
    });
    return isUp === true;
  }

  replug(): void {
    // the plugin's network is not ours to make anew
  }

  allowLoopback(): void {
    // nothing is published by us
  }

  /** The link goes back where it came from, under its name, so that the plugin finds it there. */
  cutOff(endpoints: readonly EndpointRecord[], netns: string): void {
    const own = endpoints.filter(({ foreign }) => foreign?.sourceLink);
    if (own.length === 0) return;
    const home = openSync(OWN_NETNS, 'r');
    try {
      inNetns(netns, () => {
        using socket = new NetlinkSocket(NETLINK_ROUTE);
        for (const { interfaceName, foreign } of own) {
          const link = findLink(socket, interfaceName);
          if (!link) continue; // the plugin has taken it away itself
          socket.run(setLink(link.index, { isUp: false }));
          socket.run(setLink(link.index, { netns: home, newName: foreign?.sourceLink ?? interfaceName }));
        }
      });
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EINVAL')) throw error; // the sandbox is gone
    } finally {
      closeSync(home);
    }
  }

  async unplug(endpoint: EndpointRecord, netns: string): Promise<void> {
    this.cutOff([endpoint], netns);
  }

  #nonsense(what: string): EngineError {
    return new EngineError('internal', `plugin "${this.name}": NetworkDriver.Join: bad answer: ${what}`);
  }
}

function setMac(netns: number, { interfaceName, macAddress }: EndpointRecord): void {
  if (macAddress === '') return;
  inNetns(netns, () => {
    using socket = new NetlinkSocket(NETLINK_ROUTE);
    socket.run(setLink(interfaceName, { mac: macBytes(macAddress) }));
  });
}

function addRoutes(
  netns: number,
  interfaceName: string,
  routes: readonly { readonly destination: string; readonly nextHop: string }[],
): void {
  if (routes.length === 0) return;
  inNetns(netns, () => {
    using socket = new NetlinkSocket(NETLINK_ROUTE);
    const link = findLink(socket, interfaceName);
    const requests = routes.flatMap(({ destination, nextHop }): RouteOptions[] => {
      const subnet = parseSubnet(destination);
      const gateway = nextHop === '' ? undefined : parseIp(nextHop);
      if (!subnet || !link) return [];
      const { family, prefixLength } = subnet;
      return [
        {
          linkIndex: link.index,
          family,
          destination: ipBytes(subnet),
          prefixLength,
          ...(gateway && { gateway: ipBytes(gateway) }),
        },
      ];
    });
    socket.run(...requests.map(request => addRoute(request, { isReplacing: true })));
  });
}
