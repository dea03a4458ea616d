import { deleteLink } from '#sys/netlink/link-requests';
import { NETLINK_ROUTE, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { changedLink, dumpAddresses, dumpLinks, dumpRoutes, type Link } from '#sys/netlink/netlink-tables';
import { isErrno } from '#sys/sys-error';
import { ipFromBytes, subnetAround } from './ip-address.ts';
import type { TakenSubnet } from './network-plan.ts';

const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV4_ROUTE = 7;
const RTNLGRP_IPV6_IFADDR = 9;
const RTNLGRP_IPV6_ROUTE = 11;
const CHANGES_BYTES = 8 * 1024 * 1024;

/** The host's interfaces, whoever made them. */
export class HostLinks implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  /** hears of addresses and routes; read only when they are asked for */
  readonly #changes = new NetlinkSocket(NETLINK_ROUTE);
  #ranges: readonly TakenSubnet[] | undefined;
  /** links that carry addresses of our networks, or did */
  readonly #own = new Set<number>();

  constructor() {
    this.#changes.setReceiveBuffer(CHANGES_BYTES);
    this.#changes.join(RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE);
  }

  list(): Link[] {
    return dumpLinks(this.#socket);
  }

  /**
   * Ranges that interfaces and routes use, those of our own links aside. Exact at the time of the call, and costs next
   * to nothing unless somebody else's addresses or routes changed since the last.
   *
   * @param ownLinks names of links that carry our networks' addresses; asked only when everything is read anew
   */
  takenSubnets(ownLinks: () => ReadonlySet<string>): readonly TakenSubnet[] {
    const changes = this.#changes.drain();
    const isForeign = (link: number | undefined): boolean => link !== undefined && !this.#own.has(link);
    const isStale = changes === 'lost' || changes.some(change => isForeign(changedLink(change)));
    if (isStale) this.#ranges = undefined;
    this.#ranges ??= this.#readRanges(ownLinks());
    return this.#ranges;
  }

  /** Notes a link that carries addresses of a network of ours. */
  own(linkIndex: number): void {
    this.#own.add(linkIndex);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
    this.#changes[Symbol.dispose]();
  }

  #readRanges(ownLinks: ReadonlySet<string>): TakenSubnet[] {
    const links = new Map(this.list().map(link => [link.index, link.name]));
    for (const [index, name] of links) if (ownLinks.has(name)) this.#own.add(index);
    const taken: TakenSubnet[] = [];
    for (const { linkIndex, address, prefixLength } of dumpAddresses(this.#socket)) {
      if (this.#own.has(linkIndex)) continue;
      const holder = `interface ${links.get(linkIndex) ?? ''}`;
      taken.push({ subnet: subnetAround(ipFromBytes(address), prefixLength), holder, isOfHost: true });
    }
    for (const family of [4, 6] as const) {
      for (const { linkIndex, destination, prefixLength } of dumpRoutes(this.#socket, family)) {
        // A default route, or one half of it as VPNs make them, takes nothing in particular.
        if (!destination || prefixLength <= 1 || this.#own.has(linkIndex)) continue;
        const holder = `a route by ${links.get(linkIndex) ?? ''}`;
        taken.push({ subnet: subnetAround(ipFromBytes(destination), prefixLength), holder, isOfHost: true });
      }
    }
    return taken;
  }
}
/** Deletes links, each about 30 ms of kernel time on another thread. Happy to find nothing. @throws {SysError} */
export async function deleteLinks(links: readonly string[]): Promise<void> {
  if (links.length === 0) return;
  using socket = new NetlinkSocket(NETLINK_ROUTE);
  for (const { error } of await socket.outcomesInBackground(links.map(deleteLink))) {
    if (error && !isErrno(error, 'ENODEV')) throw error;
  }
}
