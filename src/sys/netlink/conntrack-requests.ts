import { attribute, be16, type NetlinkRequest, nested, u8, u32 } from './netlink-message.ts';

/** Requests about tracked connections (ctnetlink, linux/netfilter/nfnetlink_conntrack.h). */

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const NFNETLINK_V1 = 1;
const AF_INET = 2;
const AF_INET6 = 10;

const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V6_SRC = 3;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const FILTER_IP_SRC = 1 << 0;
const FILTER_PROTO_NUM = 1 << 3;
const FILTER_PROTO_DST_PORT = 1 << 5;
const IPPROTO_UDP = 17;

/**
 * Forgets the UDP flows that an address answers: what was forwarded to it is looked up afresh. Kernels that cannot
 * filter here refuse (`EINVAL`), and the entries expire by themselves.
 */
export function forgetUdpFlowsTo(address: Buffer): NetlinkRequest {
  const type = address.length === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
  return deletion(address.length === 4 ? AF_INET : AF_INET6, 'forget UDP flows to a container', [
    nested(
      CTA_TUPLE_REPLY,
      nested(CTA_TUPLE_IP, attribute(type, address)),
      nested(CTA_TUPLE_PROTO, attribute(CTA_PROTO_NUM, u8(IPPROTO_UDP))),
    ),
    filter(0, FILTER_IP_SRC | FILTER_PROTO_NUM),
  ]);
}

/** Forgets the UDP flows to a port of the host, so that a rule made after they began applies to them. */
export function forgetUdpFlowsToPort(port: number, family: 4 | 6): NetlinkRequest {
  return deletion(family === 4 ? AF_INET : AF_INET6, 'forget UDP flows to a published port', [
    nested(
      CTA_TUPLE_ORIG,
      nested(
        CTA_TUPLE_PROTO,
        attribute(CTA_PROTO_NUM, u8(IPPROTO_UDP)),
        attribute(CTA_PROTO_DST_PORT, be16(port)),
      ),
    ),
    filter(FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT, 0),
  ]);
}

function deletion(family: number, what: string, attributes: readonly Buffer[]): NetlinkRequest {
  return {
    what,
    type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
    flags: 0,
    payload: Buffer.concat([nfgenmsg(family), ...attributes]),
  };
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
