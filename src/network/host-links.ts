import { deleteLink } from '#sys/netlink/link-requests';
import { NETLINK_ROUTE, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { dumpAddresses, dumpLinks, dumpRoutes, type Link } from '#sys/netlink/netlink-tables';
import { isErrno } from '#sys/sys-error';
import { ipFromBytes, subnetAround } from './ip-address.ts';
import type { TakenSubnet } from './network-plan.ts';

/** The host's interfaces, whoever made them. */
export class HostLinks implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);

  list(): Link[] {
    return dumpLinks(this.#socket);
  }

  /** Ranges that interfaces and routes use, those of the links named aside. */
  takenSubnets(ownLinks: ReadonlySet<string>): TakenSubnet[] {
    const links = new Map(this.list().map(link => [link.index, link.name]));
    const taken: TakenSubnet[] = [];
    for (const { linkIndex, address, prefixLength } of dumpAddresses(this.#socket)) {
      const name = links.get(linkIndex) ?? '';
      if (ownLinks.has(name)) continue;
      taken.push({
        subnet: subnetAround(ipFromBytes(address), prefixLength),
        holder: `interface ${name}`,
        isOfHost: true,
      });
    }
    for (const family of [4, 6] as const) {
      for (const { linkIndex, destination, prefixLength } of dumpRoutes(this.#socket, family)) {
        const name = links.get(linkIndex) ?? '';
        // A default route, or one half of it as VPNs make them, takes nothing in particular.
        if (!destination || prefixLength <= 1 || ownLinks.has(name)) continue;
        taken.push({
          subnet: subnetAround(ipFromBytes(destination), prefixLength),
          holder: `a route by ${name}`,
          isOfHost: true,
        });
      }
    }
    return taken;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
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
