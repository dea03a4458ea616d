import { closeSync, openSync } from 'node:fs';
import { EngineError } from '#base/errors';
import { createUpperLink, deleteLink, setLink } from '#sys/netlink/link-requests';
import { NETLINK_ROUTE, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { findLink } from '#sys/netlink/netlink-tables';
import { inNetns } from '#sys/netns';
import { isErrno } from '#sys/sys-error';
import type { EndpointRecord } from '../endpoint-table.ts';
import { deleteLinks } from '../host-links.ts';
import type { InstanceNames } from '../instance-names.ts';
import { macBytes } from '../mac-address.ts';
import type { NetworkRecord } from '../network-table.ts';
import { configureInterface } from '../sandbox-interface.ts';
import { HostAccess } from './host-access.ts';
import { type LanKind, type LanOptions, parseLanOptions } from './lan-options.ts';
import { ensureParent, parentNameOf, requireKind } from './lan-parent.ts';
import {
  type HostLinksByName,
  type NetworkDriver,
  NO_PUBLISHING,
  type Publishing,
} from './network-driver.ts';

export interface LanDriverDeps {
  readonly kind: LanKind;
  readonly names: InstanceNames;
  /** all networks there are */
  readonly networks: () => readonly NetworkRecord[];
}

/**
 * `macvlan` and `ipvlan`: containers with interfaces of their own on a network of the host's, which knows nothing of
 * the engine. No rules, no published ports: a container is reached by its address.
 */
export class LanDriver implements NetworkDriver, Disposable {
  readonly name: LanKind;
  readonly hasInterfaces = true;
  readonly isOnLan = true;
  readonly #names: InstanceNames;
  readonly #networks: LanDriverDeps['networks'];
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  readonly #hostAccess: HostAccess;

  constructor({ kind, names, networks }: LanDriverDeps) {
    this.name = kind;
    this.#names = names;
    this.#networks = networks;
    this.#hostAccess = new HostAccess(this.#socket, names);
  }

  check(network: NetworkRecord): void {
    const options = this.#options(network);
    requireKind(this.#socket, this.name);
    const rival = this.#networks().find(other => {
      if (other.driver !== 'macvlan' && other.driver !== 'ipvlan') return false;
      const others = parseLanOptions(other.driver, other.options);
      return others.parent === options.parent && !canShare(options, others);
    });
    if (options.parent !== undefined && rival) {
      throw new EngineError(
        'forbidden',
        `network ${rival.name} is already using parent interface ${options.parent} in another way: passthru takes it alone, and macvlan and ipvlan cannot share one`,
      );
    }
  }

  interfacePrefix(network: NetworkRecord): string {
    return this.#options(network).interfacePrefix;
  }

  /** Interfaces of ipvlan have their parent's, and one in mode passthru takes it over. */
  fixedMac(network: NetworkRecord): string | undefined {
    const options = this.#options(network);
    if (options.upper.kind === 'ipvlan') return '';
    if (options.upper.mode !== 'passthru') return undefined;
    return findLink(this.#socket, parentNameOf(network, options))?.mac ?? '';
  }

  /** Routers between networks of level 3 are nobody's: what leaves goes out as it is. */
  isRoutedByDevice(network: NetworkRecord): boolean {
    const { upper } = this.#options(network);
    return upper.kind === 'ipvlan' && upper.mode !== 'l2';
  }

  publishing(): Publishing {
    return NO_PUBLISHING;
  }

  linksOf(network: NetworkRecord): readonly string[] {
    const options = this.#options(network);
    return [
      ...(options.parent === undefined ? [parentNameOf(network, options)] : []),
      ...(options.hasHostAccess ? [this.#hostAccess.linkName(network.id)] : []),
    ];
  }

  firewallNetwork(): undefined {
    return undefined;
  }

  firewallEndpoint(): undefined {
    return undefined;
  }

  ensureNetwork(network: NetworkRecord): void {
    this.#ensure(network);
  }

  /** What we made goes, unless another network of ours stands on it. */
  async removeNetwork(network: NetworkRecord, remaining: readonly NetworkRecord[]): Promise<void> {
    const options = this.#options(network);
    await deleteLinks([this.#hostAccess.linkName(network.id)]);
    const parent = findLink(this.#socket, parentNameOf(network, options));
    if (!parent || !this.#names.isOwnAlias(parent.alias)) return;
    const heir = remaining.find(
      other =>
        other.id !== network.id &&
        other.driver === this.name &&
        parentNameOf(other, this.#options(other)) === parent.name,
    );
    if (heir) this.#socket.run(setLink(parent.index, { alias: this.#names.linkAlias(heir.id) }));
    else await deleteLinks([parent.name]);
  }

  plug(endpoint: EndpointRecord, network: NetworkRecord, netns: string): boolean {
    const { options, parentIndex } = this.#ensure(network);
    const fd = openSync(netns, 'r');
    try {
      this.#socket.run(
        createUpperLink({
          name: endpoint.interfaceName,
          lowerIndex: parentIndex,
          upper: options.upper,
          netns: fd,
          ...(endpoint.macAddress !== '' && { mac: macBytes(endpoint.macAddress) }),
          ...(options.mtu !== undefined && { mtu: options.mtu }),
        }),
      );
      configureInterface(fd, endpoint);
      if (options.hasHostAccess) this.#hostAccess.open(endpoint, parentIndex);
      return false;
    } finally {
      closeSync(fd);
    }
  }

  holds(endpoint: EndpointRecord, _links: HostLinksByName, netns: string): boolean {
    return (
      inNetns(netns, () => {
        using socket = new NetlinkSocket(NETLINK_ROUTE);
        return findLink(socket, endpoint.interfaceName)?.isUp;
      }) === true
    );
  }

  replug(endpoint: EndpointRecord, network: NetworkRecord): void {
    const { options, parentIndex } = this.#ensure(network);
    if (options.hasHostAccess) this.#hostAccess.open(endpoint, parentIndex);
  }

  allowLoopback(): void {
    // nothing is published
  }

  /** Down, so that the hardware address is free for whoever comes next. */
  cutOff(endpoints: readonly EndpointRecord[], netns: string): void {
    for (const endpoint of endpoints) this.#hostAccess.close(endpoint);
    using socket = socketIn(netns);
    if (!socket) return;
    const requests = endpoints.map(({ interfaceName }) => setLink(interfaceName, { isUp: false }));
    for (const { error } of socket.outcomes(requests)) if (error && !isErrno(error, 'ENODEV')) throw error;
  }

  async unplug({ interfaceName }: EndpointRecord, netns: string): Promise<void> {
    using socket = socketIn(netns);
    const [outcome] = (await socket?.outcomesInBackground([deleteLink(interfaceName)])) ?? [];
    if (outcome?.error && !isErrno(outcome.error, 'ENODEV')) throw outcome.error;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #ensure(network: NetworkRecord): { readonly options: LanOptions; readonly parentIndex: number } {
    const options = this.#options(network);
    const { index } = ensureParent(this.#socket, network, { options, names: this.#names });
    if (options.hasHostAccess) this.#hostAccess.ensure(network.id, index);
    return { options, parentIndex: index };
  }

  #options({ options }: NetworkRecord): LanOptions {
    return parseLanOptions(this.name, options);
  }
}

/** A parent carries links of one kind, and a single one in mode passthru. */
function canShare(one: LanOptions, other: LanOptions): boolean {
  if (one.upper.kind !== other.upper.kind) return false;
  return one.upper.mode !== 'passthru' && other.upper.mode !== 'passthru';
}

/** @returns undefined when the sandbox is gone. */
function socketIn(netns: string): NetlinkSocket | undefined {
  try {
    return inNetns(netns, () => new NetlinkSocket(NETLINK_ROUTE));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}
