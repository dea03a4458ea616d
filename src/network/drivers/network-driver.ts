import type { Link } from '#sys/netlink/netlink-tables';
import type { EndpointRecord } from '../endpoint-table.ts';
import type { FirewallEndpoint, FirewallNetwork } from '../firewall-rules.ts';
import type { NetworkRecord } from '../network-table.ts';

/** Links of the host by name, as they were a moment ago. */
export type HostLinksByName = ReadonlyMap<string, Link>;

/** What becomes of ports that a container publishes. */
export interface Publishing {
  /** families in which ports of the host lead to it */
  readonly rewritten: readonly (4 | 6)[];
  /** families in which it is reached at its own address, at the ports it publishes */
  readonly routed: readonly (4 | 6)[];
  /** for ports that name no address; `0.0.0.0` is everywhere; absent: as the engine is told */
  readonly defaultHostIp?: string;
}

export const NO_PUBLISHING: Publishing = { rewritten: [], routed: [] };

/**
 * A kind of network: what it needs on the host, and how a container's interface comes to be.
 *
 * Life cycle of a network: `check`, `ensureNetwork`, then endpoints come and go, `removeNetwork`. `ensureNetwork` runs
 * again at each start of the engine. Life cycle of an endpoint: `plug`, perhaps `holds` and `replug` after a restart,
 * `cutOff`, `unplug`. All but removals are synchronous, so that nothing comes in between; they talk to the kernel only.
 */
export interface NetworkDriver {
  /** as `network ls` shows it */
  readonly name: string;
  /** containers get interfaces and addresses of their own */
  readonly hasInterfaces: boolean;
  /** its ranges are those of a network that the host is on, too */
  readonly isOnLan: boolean;

  /** Judges a network that is to be. Touches nothing. @throws `invalid`, `notImplemented` */
  check(network: NetworkRecord): void;
  /** Start of the name of interfaces inside containers. */
  interfacePrefix(network: NetworkRecord): string;
  /** The hardware address that endpoints have whatever is asked for, empty for none; undefined: ours to choose. */
  fixedMac(network: NetworkRecord): string | undefined;
  /** What leaves needs no gateway's address. */
  isRoutedByDevice(network: NetworkRecord): boolean;
  publishing(network: NetworkRecord): Publishing;
  /** Names of the host's links that carry the network's own addresses. */
  linksOf(network: NetworkRecord): readonly string[];
  firewallNetwork(network: NetworkRecord): FirewallNetwork | undefined;
  firewallEndpoint(endpoint: EndpointRecord, network: NetworkRecord): FirewallEndpoint | undefined;

  /** Makes what the network needs, or brings what is there into shape. @throws {SysError}, `conflict` */
  ensureNetwork(network: NetworkRecord): void;
  /** Happy to find nothing. What was there before us stays, and what `remaining` networks need. */
  removeNetwork(network: NetworkRecord, remaining: readonly NetworkRecord[]): Promise<void>;

  /**
   * Gives a sandbox its interface, ready to use.
   *
   * @param netns path of the sandbox
   * @returns whether the network had to be made anew: then its other endpoints are unplugged, see {@link replug}.
   * @throws {SysError} what was made is gone then, or goes with the name space.
   */
  plug(endpoint: EndpointRecord, network: NetworkRecord, netns: string): boolean;
  /** Whether a plugged endpoint is still whole. */
  holds(endpoint: EndpointRecord, links: HostLinksByName, netns: string): boolean;
  /** Puts an endpoint that is fine in itself back onto its network, should that have been made anew. */
  replug(endpoint: EndpointRecord, network: NetworkRecord, links: HostLinksByName): void;
  /** Lets the host reach ports published on 127.0.0.1. */
  allowLoopback(network: NetworkRecord): void;
  /** Stops all traffic of endpoints of one sandbox at once. Their links go with it. Happy to find nothing. */
  cutOff(endpoints: readonly EndpointRecord[], netns: string): void;
  /** Takes interfaces out of a sandbox that lives on. Happy to find nothing. */
  unplug(endpoint: EndpointRecord, netns: string): Promise<void>;
}
