import {
  attribute,
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_EXCL,
  nested,
  text,
  u8,
  u16,
  u32,
} from './netlink-message.ts';

/** Requests about network interfaces (rtnetlink(7), linux/if_link.h). Pure: bytes in, bytes out. */

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;

const IFF_UP = 1;

export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
export const IFLA_IFALIAS = 20;
const IFLA_AF_SPEC = 26;
export const IFLA_GROUP = 27;
const IFLA_NET_NS_FD = 28;
const IFLA_NUM_TX_QUEUES = 31;
const IFLA_NUM_RX_QUEUES = 32;
export const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_STATE = 1;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_FLUSH = 24;
const IFLA_BRPORT_ISOLATED = 33;
const BR_STATE_DISABLED = 0;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const VETH_INFO_PEER = 1;
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IFLA_VLAN_ID = 1;
const AF_INET6 = 10;

/** `struct ifinfomsg` */
function linkHeader(index: number, flags: number, changedFlags: number): Buffer {
  return Buffer.concat([u16(0), u16(0), u32(index), u32(flags), u32(changedFlags)]);
}

export interface VethOptions {
  /** at most 15 bytes */
  readonly name: string;
  /** index of the bridge that the near end joins */
  readonly bridgeIndex: number;
  readonly mtu: number;
  readonly peerName: string;
  /** descriptor of the network name space the far end is born in */
  readonly peerNetns: number;
  readonly peerMac: Buffer;
}

/**
 * One queue each way, which is what a pair uses anyway: unasked, the kernel makes one for each processor and takes them away
 * again at once, and waits for a grace period of RCU for that (veth_init_queues() of drivers/net/veth.c).
 */
const ONE_QUEUE = Buffer.concat([
  attribute(IFLA_NUM_TX_QUEUES, u32(1)),
  attribute(IFLA_NUM_RX_QUEUES, u32(1)),
]);

/** A veth pair, near end in a bridge and still down, far end in another network name space. */
export function createVeth(options: VethOptions): NetlinkRequest {
  const peer = Buffer.concat([
    linkHeader(0, 0, 0),
    attribute(IFLA_IFNAME, text(options.peerName)),
    attribute(IFLA_ADDRESS, options.peerMac),
    attribute(IFLA_MTU, u32(options.mtu)),
    attribute(IFLA_NET_NS_FD, u32(options.peerNetns)),
    ONE_QUEUE,
  ]);
  return {
    what: `create veth ${options.name}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      linkHeader(0, 0, 0),
      attribute(IFLA_IFNAME, text(options.name)),
      attribute(IFLA_MTU, u32(options.mtu)),
      attribute(IFLA_MASTER, u32(options.bridgeIndex)),
      ONE_QUEUE,
      nested(
        IFLA_LINKINFO,
        attribute(IFLA_INFO_KIND, text('veth')),
        nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)),
      ),
    ]),
  };
}

export interface BridgeOptions {
  readonly name: string;
  /** fixed, so that it does not change with the ports that come and go */
  readonly mac: Buffer;
  readonly mtu: number;
}

export function createBridge(options: BridgeOptions): NetlinkRequest {
  return {
    what: `create bridge ${options.name}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      linkHeader(0, 0, 0),
      attribute(IFLA_IFNAME, text(options.name)),
      attribute(IFLA_ADDRESS, options.mac),
      attribute(IFLA_MTU, u32(options.mtu)),
      nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text('bridge'))),
    ]),
  };
}

/** linux/if_link.h */
export const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
export type MacvlanMode = keyof typeof MACVLAN_MODES;
export const IPVLAN_MODES = { l2: 0, l3: 1, l3s: 2 } as const;
export type IpvlanMode = keyof typeof IPVLAN_MODES;
export const IPVLAN_FLAGS = { bridge: 0, private: 1, vepa: 2 } as const;
export type IpvlanFlag = keyof typeof IPVLAN_FLAGS;

/** What kind of link stands on another. */
export type UpperKind =
  | { readonly kind: 'macvlan'; readonly mode: MacvlanMode }
  | { readonly kind: 'ipvlan'; readonly mode: IpvlanMode; readonly flag: IpvlanFlag }
  | { readonly kind: 'vlan'; readonly vlanId: number };

export interface UpperLinkOptions {
  readonly name: string;
  readonly lowerIndex: number;
  readonly upper: UpperKind;
  readonly mac?: Buffer;
  readonly mtu?: number;
  /** descriptor of the network name space it is born in; ours unless given */
  readonly netns?: number;
}

/** A link that stands on another, and goes with it. */
export function createUpperLink(options: UpperLinkOptions): NetlinkRequest {
  const parts = [
    linkHeader(0, 0, 0),
    attribute(IFLA_IFNAME, text(options.name)),
    attribute(IFLA_LINK, u32(options.lowerIndex)),
    nested(
      IFLA_LINKINFO,
      attribute(IFLA_INFO_KIND, text(options.upper.kind)),
      nested(IFLA_INFO_DATA, ...upperData(options.upper)),
    ),
  ];
  if (options.mac) parts.push(attribute(IFLA_ADDRESS, options.mac));
  if (options.mtu !== undefined) parts.push(attribute(IFLA_MTU, u32(options.mtu)));
  if (options.netns !== undefined) parts.push(attribute(IFLA_NET_NS_FD, u32(options.netns)));
  return {
    what: `create ${options.upper.kind} ${options.name}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat(parts),
  };
}

function upperData(upper: UpperKind): Buffer[] {
  switch (upper.kind) {
    case 'macvlan':
      return [attribute(IFLA_MACVLAN_MODE, u32(MACVLAN_MODES[upper.mode]))];
    case 'ipvlan':
      return [
        attribute(IFLA_IPVLAN_MODE, u16(IPVLAN_MODES[upper.mode])),
        attribute(IFLA_IPVLAN_FLAGS, u16(IPVLAN_FLAGS[upper.flag])),
      ];
    case 'vlan':
      return [attribute(IFLA_VLAN_ID, u16(upper.vlanId))];
  }
}

/** A veth pair with both ends here, still down: a wire that leads nowhere, whose near end has a carrier. */
export function createWire(name: string, peerName: string): NetlinkRequest {
  const peer = Buffer.concat([linkHeader(0, 0, 0), attribute(IFLA_IFNAME, text(peerName))]);
  return {
    what: `create veth ${name}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      linkHeader(0, 0, 0),
      attribute(IFLA_IFNAME, text(name)),
      nested(
        IFLA_LINKINFO,
        attribute(IFLA_INFO_KIND, text('veth')),
        nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)),
      ),
    ]),
  };
}

/**
 * Asks for a link of a kind without saying what it should stand on: the kernel refuses with `EOPNOTSUPP` when it does
 * not know the kind, and with something else when it does. Nothing is made.
 */
export function probeUpperKind(kind: UpperKind['kind']): NetlinkRequest {
  return {
    what: `probe for ${kind} links`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      linkHeader(0, 0, 0),
      nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text(kind))),
    ]),
  };
}

export interface LinkChange {
  readonly isUp?: boolean;
  readonly bridgeIndex?: number;
  /** a bridge port that sends frames back where they came from */
  readonly isHairpin?: boolean;
  /** a bridge port that may not talk to other isolated ports */
  readonly isIsolated?: boolean;
  /** a bridge port that neither sends nor receives, whose addresses the bridge forgets */
  readonly isBlocked?: true;
  /** no link-local address when it comes up: to be set before that */
  readonly isWithoutLinkLocal?: boolean;
  readonly newName?: string;
  /** descriptor of the network name space it moves to */
  readonly netns?: number;
  readonly mac?: Buffer;
  readonly mtu?: number;
  /** free text that `ip link` shows, at most 255 bytes */
  readonly alias?: string;
  /** a number that says nothing to the kernel, 0 unless somebody set it */
  readonly group?: number;
}

/** Changes an interface given by name or index; what gets another name is known by its index only. */
export function setLink(link: number, change: LinkChange): NetlinkRequest;
export function setLink(
  link: string | number,
  change: LinkChange & { readonly newName?: never },
): NetlinkRequest;
export function setLink(link: string | number, change: LinkChange): NetlinkRequest {
  const parts = [
    linkHeader(
      typeof link === 'number' ? link : 0,
      change.isUp === true ? IFF_UP : 0,
      change.isUp === undefined ? 0 : IFF_UP,
    ),
  ];
  if (typeof link === 'string') parts.push(attribute(IFLA_IFNAME, text(link)));
  if (change.newName !== undefined) parts.push(attribute(IFLA_IFNAME, text(change.newName)));
  if (change.netns !== undefined) parts.push(attribute(IFLA_NET_NS_FD, u32(change.netns)));
  if (change.mac) parts.push(attribute(IFLA_ADDRESS, change.mac));
  if (change.mtu !== undefined) parts.push(attribute(IFLA_MTU, u32(change.mtu)));
  if (change.bridgeIndex !== undefined) parts.push(attribute(IFLA_MASTER, u32(change.bridgeIndex)));
  if (change.alias !== undefined) parts.push(attribute(IFLA_IFALIAS, Buffer.from(change.alias)));
  if (change.group !== undefined) parts.push(attribute(IFLA_GROUP, u32(change.group)));
  if (change.isWithoutLinkLocal) {
    const mode = attribute(IFLA_INET6_ADDR_GEN_MODE, u8(IN6_ADDR_GEN_MODE_NONE));
    parts.push(nested(IFLA_AF_SPEC, nested(AF_INET6, mode)));
  }
  const port = bridgePort(change);
  if (port.length > 0) {
    const kind = attribute(IFLA_INFO_SLAVE_KIND, text('bridge'));
    parts.push(nested(IFLA_LINKINFO, kind, nested(IFLA_INFO_SLAVE_DATA, ...port)));
  }
  return { what: `set link ${link}`, type: RTM_NEWLINK, flags: 0, payload: Buffer.concat(parts) };
}

function bridgePort({ isHairpin, isIsolated, isBlocked }: LinkChange): Buffer[] {
  const parts: Buffer[] = [];
  if (isHairpin !== undefined) parts.push(attribute(IFLA_BRPORT_MODE, u8(isHairpin ? 1 : 0)));
  if (isIsolated !== undefined) parts.push(attribute(IFLA_BRPORT_ISOLATED, u8(isIsolated ? 1 : 0)));
  if (isBlocked) {
    parts.push(attribute(IFLA_BRPORT_STATE, u8(BR_STATE_DISABLED)));
    parts.push(attribute(IFLA_BRPORT_FLUSH, Buffer.alloc(0)));
  }
  return parts;
}

export function deleteLink(link: string | number): NetlinkRequest {
  return {
    what: `delete link ${link}`,
    type: RTM_DELLINK,
    flags: 0,
    payload:
      typeof link === 'number'
        ? linkHeader(link, 0, 0)
        : Buffer.concat([linkHeader(0, 0, 0), attribute(IFLA_IFNAME, text(link))]),
  };
}

export function getLink(name: string): NetlinkRequest {
  return {
    what: `get link ${name}`,
    type: RTM_GETLINK,
    flags: 0,
    payload: Buffer.concat([linkHeader(0, 0, 0), attribute(IFLA_IFNAME, text(name))]),
  };
}

/** For {@link NetlinkSocket.dump}. */
export function listLinks(): NetlinkRequest {
  return { what: 'list links', type: RTM_GETLINK, flags: 0, payload: linkHeader(0, 0, 0) };
}
