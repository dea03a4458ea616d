import {
  attribute,
  be16,
  decodeAttributes,
  type NetlinkRequest,
  nested,
  u8,
  u32,
} from './netlink-message.ts';

/** Requests about tracked connections (ctnetlink, linux/netfilter/nfnetlink_conntrack.h). */

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const NFGENMSG_BYTES = 4;
const NFNETLINK_V1 = 1;
const AF_INET = 2;
const AF_INET6 = 10;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V6_SRC = 3;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const FILTER_IP_SRC = 1 << 0;
const FILTER_PROTO_NUM = 1 << 3;
const FILTER_PROTO_SRC_PORT = 1 << 4;
const FILTER_PROTO_DST_PORT = 1 << 5;
const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Which tracked connections. */
export interface FlowFilter {
  readonly family: number;
  readonly attributes: readonly Buffer[];
}

/** Flows that an address answers, rewritten ones too. @param address 4 or 16 bytes in network order */
export function flowsTo(address: Buffer): FlowFilter {
  return {
    family: familyOf(address),
    attributes: [
      nested(CTA_TUPLE_REPLY, nested(CTA_TUPLE_IP, attribute(sourceType(address), address))),
      filter(0, FILTER_IP_SRC),
    ],
  };
}

/** Flows that an address began, rewritten ones too. */
export function flowsFrom(address: Buffer): FlowFilter {
  return {
    family: familyOf(address),
    attributes: [
      nested(CTA_TUPLE_ORIG, nested(CTA_TUPLE_IP, attribute(sourceType(address), address))),
      filter(FILTER_IP_SRC, 0),
    ],
  };
}

/** Flows whose sender meant a port of this host, and that a port of `address` answers. */
export function flowsThroughPort(port: {
  readonly protocol: keyof typeof PROTOCOLS;
  readonly hostPort: number;
  readonly address: Buffer;
  readonly containerPort: number;
}): FlowFilter {
  const number = attribute(CTA_PROTO_NUM, u8(PROTOCOLS[port.protocol]));
  return {
    family: familyOf(port.address),
    attributes: [
      nested(
        CTA_TUPLE_ORIG,
        nested(CTA_TUPLE_PROTO, number, attribute(CTA_PROTO_DST_PORT, be16(port.hostPort))),
      ),
      nested(
        CTA_TUPLE_REPLY,
        nested(CTA_TUPLE_IP, attribute(sourceType(port.address), port.address)),
        nested(CTA_TUPLE_PROTO, number, attribute(CTA_PROTO_SRC_PORT, be16(port.containerPort))),
      ),
      filter(
        FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT,
        FILTER_IP_SRC | FILTER_PROTO_NUM | FILTER_PROTO_SRC_PORT,
      ),
    ],
  };
}

/** UDP flows whose sender meant a certain port. */
export function udpFlowsToPort(port: number, family: 4 | 6): FlowFilter {
  const protocol = [attribute(CTA_PROTO_NUM, u8(PROTOCOLS.udp)), attribute(CTA_PROTO_DST_PORT, be16(port))];
  return {
    family: family === 4 ? AF_INET : AF_INET6,
    attributes: [
      nested(CTA_TUPLE_ORIG, nested(CTA_TUPLE_PROTO, ...protocol)),
      filter(FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT, 0),
    ],
  };
}

/** All at once; kernels before 6.11 refuse (`EINVAL`). */
export function deleteFlows({ family, attributes }: FlowFilter): NetlinkRequest {
  return request('delete tracked connections', IPCTNL_MSG_CT_DELETE, family, attributes);
}

/** For {@link NetlinkSocket.dump}; kernels before 5.8 list everything. */
export function listFlows({ family, attributes }: FlowFilter): NetlinkRequest {
  return request('list tracked connections', IPCTNL_MSG_CT_GET, family, attributes);
}

/** One connection, as {@link listFlows} gave it. */
export function deleteFlow(listed: Buffer): NetlinkRequest | undefined {
  const original = decodeAttributes(listed, NFGENMSG_BYTES);
  const tuple = original.get(CTA_TUPLE_ORIG);
  if (!tuple) return undefined;
  const zone = original.get(CTA_ZONE);
  return request('delete a tracked connection', IPCTNL_MSG_CT_DELETE, listed[0] ?? 0, [
    nested(CTA_TUPLE_ORIG, tuple),
    ...(zone ? [attribute(CTA_ZONE, zone)] : []),
  ]);
}

function request(what: string, kind: number, family: number, attributes: readonly Buffer[]): NetlinkRequest {
  return {
    what,
    type: (NFNL_SUBSYS_CTNETLINK << 8) | kind,
    flags: 0,
    payload: Buffer.concat([nfgenmsg(family), ...attributes]),
  };
}

function familyOf(address: Buffer): number {
  return address.length === 4 ? AF_INET : AF_INET6;
}

function sourceType(address: Buffer): number {
  return address.length === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
}

/** These flags are in the machine's order, unlike the rest of ctnetlink. */
function filter(original: number, reply: number): Buffer {
  return nested(
    CTA_FILTER,
    attribute(CTA_FILTER_ORIG_FLAGS, u32(original)),
    attribute(CTA_FILTER_REPLY_FLAGS, u32(reply)),
  );
}

/** `struct nfgenmsg`. Version 1 makes a deletion honour the family. */
function nfgenmsg(family: number): Buffer {
  return Buffer.from([family, NFNETLINK_V1, 0, 0]);
}
