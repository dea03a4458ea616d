import {
  IFA_ADDRESS,
  IFA_LOCAL,
  listAddresses,
  listRoutes,
  RTA_DST,
  RTA_OIF,
  RTA_TABLE,
} from './address-requests.ts';
import {
  getLink,
  IFLA_ADDRESS,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  listLinks,
} from './link-requests.ts';
import { decodeAttributes, type NetlinkReply, readI32, readText, readU32 } from './netlink-message.ts';
import type { NetlinkSocket } from './netlink-socket.ts';

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly isUp: boolean;
  /** `bridge`, `veth`, …; empty for hardware */
  readonly kind: string;
  /** index of the bridge or bond it belongs to, 0 for none */
  readonly masterIndex: number;
  readonly mac: string;
  readonly mtu: number;
  readonly alias: string;
  readonly group: number;
}

export interface LinkAddress {
  readonly linkIndex: number;
  /** 4 or 16 bytes */
  readonly address: Buffer;
  readonly prefixLength: number;
}

export interface Route {
  readonly linkIndex: number;
  /** 4 or 16 bytes; absent for a default route */
  readonly destination?: Buffer;
  readonly prefixLength: number;
}

const IFF_UP = 1;
const IFINFO_BYTES = 16;
const IFADDR_BYTES = 8;
const RTMSG_BYTES = 12;
const RTM_F_CLONED = 0x200;
const RTN_UNICAST = 1;
const RT_TABLE_LOCAL = 255;

export function dumpLinks(socket: NetlinkSocket): Link[] {
  return socket.dump(listLinks()).map(reply => decodeLink(reply.payload));
}

/** @returns undefined when there is no such link. */
export function findLink(socket: NetlinkSocket, name: string): Link | undefined {
  const [outcome] = socket.outcomes([getLink(name)]);
  if (outcome?.error?.code === 'ENODEV') return undefined;
  if (outcome?.error) throw outcome.error;
  const reply = outcome?.replies[0];
  return reply && decodeLink(reply.payload);
}

/** @param ofLink its index; all links unless given. @throws {SysError} `ENODEV` */
export function dumpAddresses(socket: NetlinkSocket, ofLink?: number): LinkAddress[] {
  const addresses: LinkAddress[] = [];
  for (const { payload } of socket.dump(listAddresses(ofLink ?? 0))) {
    const attributes = decodeAttributes(payload, IFADDR_BYTES);
    const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
    const linkIndex = readU32(payload, 4);
    if (!address || linkIndex !== (ofLink ?? linkIndex)) continue; // kernels before 4.20 tell of all
    addresses.push({ linkIndex, address, prefixLength: payload[1] ?? 0 });
  }
  return addresses;
}

/** Unicast routes of all tables but the kernel's local one; cached exceptions are left out. */
export function dumpRoutes(socket: NetlinkSocket, family: 4 | 6): Route[] {
  const routes: Route[] = [];
  for (const { payload } of socket.dump(listRoutes(family))) {
    const attributes = decodeAttributes(payload, RTMSG_BYTES);
    if (!leadsSomewhere(payload, attributes)) continue;
    const destination = attributes.get(RTA_DST);
    const link = attributes.get(RTA_OIF);
    routes.push({
      linkIndex: link ? readU32(link, 0) : 0,
      prefixLength: payload[1] ?? 0,
      ...(destination && { destination }),
    });
  }
  return routes;
}

/** Not a note of the kernel's own: addresses of the host, broadcasts, multicasts, cached paths. */
function leadsSomewhere(payload: Buffer, attributes: ReadonlyMap<number, Buffer>): boolean {
  const table = attributes.get(RTA_TABLE);
  const isCloned = (readU32(payload, 8) & RTM_F_CLONED) !== 0;
  if (isCloned || payload[7] !== RTN_UNICAST) return false;
  return (table ? readU32(table, 0) : payload[4]) !== RT_TABLE_LOCAL;
}

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;

/**
 * Which link a notification is about, if it is about an address or a route that {@link dumpAddresses} or
 * {@link dumpRoutes} would tell; 0 for a route by several links.
 */
export function changedLink({ type, payload }: NetlinkReply): number | undefined {
  if (type >= RTM_NEWADDR && type < RTM_GETADDR) return readU32(payload, 4);
  if (type < RTM_NEWROUTE || type >= RTM_GETROUTE) return undefined;
  const attributes = decodeAttributes(payload, RTMSG_BYTES);
  if (!leadsSomewhere(payload, attributes)) return undefined;
  const link = attributes.get(RTA_OIF);
  return link ? readU32(link, 0) : 0;
}

export function decodeLink(payload: Buffer): Link {
  const attributes = decodeAttributes(payload, IFINFO_BYTES);
  const number = (type: number): number => {
    const value = attributes.get(type);
    return value ? readU32(value, 0) : 0;
  };
  const string = (type: number): string => readText(attributes.get(type) ?? Buffer.alloc(0));
  const info = attributes.get(IFLA_LINKINFO);
  const kind = info && decodeAttributes(info).get(IFLA_INFO_KIND);
  return {
    index: readI32(payload, 4),
    name: string(IFLA_IFNAME),
    isUp: (readU32(payload, 8) & IFF_UP) !== 0,
    kind: kind ? readText(kind) : '',
    masterIndex: number(IFLA_MASTER),
    mac: [...(attributes.get(IFLA_ADDRESS) ?? [])].map(byte => byte.toString(16).padStart(2, '0')).join(':'),
    mtu: number(IFLA_MTU),
    alias: string(IFLA_IFALIAS),
    group: number(IFLA_GROUP),
  };
}
