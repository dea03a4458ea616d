import { addRoute, deleteRoute, type RouteOptions } from '#sys/netlink/address-requests';
import { createUpperLink, setLink } from '#sys/netlink/link-requests';
import type { NetlinkSocket } from '#sys/netlink/netlink-socket';
import { dumpAddresses, findLink } from '#sys/netlink/netlink-tables';
import { isErrno } from '#sys/sys-error';
import type { EndpointRecord } from '../endpoint-table.ts';
import type { InstanceNames } from '../instance-names.ts';
import { ipBytes, parseIp } from '../ip-address.ts';

/**
 * A macvlan interface of the host's own beside those of the containers, and a route by it to each of them. It has no
 * address: the host speaks with the one of the parent, and answers for that on every link (arp_ignore 0).
 */
export class HostAccess {
  readonly #socket: NetlinkSocket;
  readonly #names: InstanceNames;

  constructor(socket: NetlinkSocket, names: InstanceNames) {
    this.#socket = socket;
    this.#names = names;
  }

  linkName(networkId: string): string {
    return this.#names.hostAccess(networkId);
  }

  ensure(networkId: string, parentIndex: number): void {
    const name = this.linkName(networkId);
    if (!findLink(this.#socket, name)) {
      const upper = { kind: 'macvlan', mode: 'bridge' } as const;
      this.#socket.run(createUpperLink({ name, lowerIndex: parentIndex, upper }));
    }
    this.#socket.run(setLink(name, { isUp: true, alias: this.#names.linkAlias(networkId) }));
  }

  /** Idempotent. @throws {SysError} */
  open(endpoint: EndpointRecord, parentIndex: number): void {
    const own = dumpAddresses(this.#socket, parentIndex).filter(({ address }) => !isLinkLocal(address));
    const routes = this.#routes(endpoint).map(route => {
      const source = own.find(({ address }) => address.length === (route.family === 4 ? 4 : 16))?.address;
      return { ...route, ...(source && { source }) };
    });
    this.#socket.run(...routes.map(route => addRoute(route, { isReplacing: true })));
  }

  /** Happy to find nothing. @throws {SysError} */
  close(endpoint: EndpointRecord): void {
    const routes = this.#routes(endpoint);
    if (routes.length === 0) return;
    for (const { error } of this.#socket.outcomes(routes.map(deleteRoute))) {
      if (error && !isErrno(error, 'ESRCH', 'ENODEV')) throw error;
    }
  }

  #routes(endpoint: EndpointRecord): RouteOptions[] {
    const link = findLink(this.#socket, this.linkName(endpoint.networkId));
    if (!link) return [];
    return [endpoint.ipv4, endpoint.ipv6].flatMap(address => {
      const ip = address && parseIp(address.address);
      if (!ip) return [];
      const { family } = ip;
      return [
        { linkIndex: link.index, family, destination: ipBytes(ip), prefixLength: family === 4 ? 32 : 128 },
      ];
    });
  }
}

/** fe80::/10 */
function isLinkLocal(address: Buffer): boolean {
  return address.length === 16 && address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80;
}
