import {
  attribute,
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  u8,
  u16,
  u32,
} from './netlink-message.ts';

/** Requests about addresses, routes and neighbours (rtnetlink(7)). Addresses are 4 or 16 bytes in network order. */

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;

const AF_INET = 2;
const AF_INET6 = 10;

export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;

export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
export const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_PERMANENT = 0x80;

function familyOf(address: Buffer): number {
  return address.length === 4 ? AF_INET : AF_INET6;
}

export interface AddressOptions {
  readonly linkIndex: number;
  readonly address: Buffer;
  readonly prefixLength: number;
  /** IPv4 only */
  readonly broadcast?: Buffer;
}

/** Adds an address, or keeps it when it is there. IPv6 ones are usable at once (no duplicate detection). */
export function addAddress(options: AddressOptions): NetlinkRequest {
  const parts = [
    addressHeader(options),
    attribute(IFA_LOCAL, options.address),
    attribute(IFA_ADDRESS, options.address),
    attribute(IFA_FLAGS, u32(options.address.length === 16 ? IFA_F_NODAD : 0)),
  ];
  if (options.broadcast) parts.push(attribute(IFA_BROADCAST, options.broadcast));
  return {
    what: `add address to link ${options.linkIndex}`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat(parts),
  };
}

export function deleteAddress(options: AddressOptions): NetlinkRequest {
  return {
    what: `delete address of link ${options.linkIndex}`,
    type: RTM_DELADDR,
    flags: 0,
    payload: Buffer.concat([addressHeader(options), attribute(IFA_LOCAL, options.address)]),
  };
}

/** `struct ifaddrmsg` */
function addressHeader({ linkIndex, address, prefixLength }: AddressOptions): Buffer {
  const flags = address.length === 16 ? IFA_F_NODAD : 0;
  return Buffer.concat([u8(familyOf(address)), u8(prefixLength), u8(flags), u8(0), u32(linkIndex)]);
}

export interface RouteOptions {
  readonly linkIndex: number;
  /** absent: the default route */
  readonly destination?: Buffer;
  readonly prefixLength?: number;
  /** absent: the destination is on the link */
  readonly gateway?: Buffer;
  /** address to send from; the kernel's choice unless given */
  readonly source?: Buffer;
  readonly family: 4 | 6;
}

/** Adds a route to the main table. @throws EEXIST when there is one to the same destination, unless `isReplacing`. */
export function addRoute(
  options: RouteOptions,
  { isReplacing = false }: { readonly isReplacing?: boolean } = {},
): NetlinkRequest {
  return {
    what: `add route by link ${options.linkIndex}`,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | (isReplacing ? NLM_F_REPLACE : NLM_F_EXCL),
    payload: routePayload(options),
  };
}

export function deleteRoute(options: RouteOptions): NetlinkRequest {
  return {
    what: `delete route by link ${options.linkIndex}`,
    type: RTM_DELROUTE,
    flags: 0,
    payload: routePayload(options),
  };
}

function routePayload(options: RouteOptions): Buffer {
  const parts = [
    routeHeader(
      options.family === 4 ? AF_INET : AF_INET6,
      options.prefixLength ?? 0,
      options.gateway || options.family === 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
    ),
    attribute(RTA_OIF, u32(options.linkIndex)),
  ];
  if (options.destination) parts.push(attribute(RTA_DST, options.destination));
  if (options.gateway) parts.push(attribute(RTA_GATEWAY, options.gateway));
  if (options.source) parts.push(attribute(RTA_PREFSRC, options.source));
  return Buffer.concat(parts);
}

/** `struct rtmsg` */
function routeHeader(family: number, prefixLength: number, scope: number): Buffer {
  return Buffer.concat([
    u8(family),
    u8(prefixLength),
    u8(0),
    u8(0),
    u8(RT_TABLE_MAIN),
    u8(RTPROT_BOOT),
    u8(scope),
    u8(RTN_UNICAST),
    u32(0),
  ]);
}

export interface NeighbourOptions {
  readonly linkIndex: number;
  readonly address: Buffer;
  readonly mac: Buffer;
}

/** A neighbour entry that never expires, or its replacement. */
export function setNeighbour(options: NeighbourOptions): NetlinkRequest {
  return {
    what: `set neighbour on link ${options.linkIndex}`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat([
      u8(familyOf(options.address)),
      Buffer.alloc(3),
      u32(options.linkIndex),
      u16(NUD_PERMANENT),
      u8(0),
      u8(0),
      attribute(NDA_DST, options.address),
      attribute(NDA_LLADDR, options.mac),
    ]),
  };
}

/** For {@link NetlinkSocket.dump}: addresses of both families, of one link or of all (0). */
export function listAddresses(linkIndex: number): NetlinkRequest {
  const payload = Buffer.concat([u8(0), u8(0), u8(0), u8(0), u32(linkIndex)]);
  return { what: 'list addresses', type: RTM_GETADDR, flags: 0, payload };
}

/** For {@link NetlinkSocket.dump}: all routes of one family. */
export function listRoutes(family: 4 | 6): NetlinkRequest {
  const header = Buffer.alloc(12);
  header[0] = family === 4 ? AF_INET : AF_INET6;
  return { what: 'list routes', type: RTM_GETROUTE, flags: 0, payload: header };
}
