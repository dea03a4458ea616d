import {
  attribute,
  be16,
  be32,
  type NetlinkRequest,
  NLM_F_CREATE,
  nested,
  text,
  u8,
} from './netlink-message.ts';

/**
 * Members of sets and maps of nftables, as bytes (linux/netfilter/nf_tables.h). libnftables reads what there is of
 * everybody's rules before it changes anything, 2 ms on a host with some; the kernel needs none of that to add a member.
 */
export interface SetElement {
  readonly set: string;
  /** as the set's type has it; each part of a concatenation fills whole words of 4 bytes */
  readonly key: Buffer;
  /** of maps */
  readonly value?: Buffer;
  /** in sets of ranges: not a member but the first that follows a range, which another element began */
  readonly isEnd?: true;
}

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFPROTO_INET = 1;
const LIST_TABLE = 1;
const LIST_SET = 2;
const LIST_ELEMENTS = 3;
const LIST_ELEM = 1;
const ELEM_KEY = 1;
const ELEM_DATA = 2;
const ELEM_FLAGS = 3;
const ELEM_INTERVAL_END = 1;
const DATA_VALUE = 1;
/** A list is one attribute, which has 64 KB. */
const ELEMENTS_EACH = 256;

/** One transaction for {@link NetlinkSocket.runTransaction}: removals, then additions, in a table of family `inet`. */
export function changeElements(
  table: string,
  gone: readonly SetElement[],
  added: readonly SetElement[],
): NetlinkRequest[] {
  return [
    edge(NFNL_MSG_BATCH_BEGIN),
    ...listsOf(gone).map(([set, members]) =>
      request(`remove from set ${set}`, NFT_MSG_DELSETELEM, 0, list(table, set, members)),
    ),
    ...listsOf(added).map(([set, members]) =>
      request(`add to set ${set}`, NFT_MSG_NEWSETELEM, NLM_F_CREATE, list(table, set, members)),
    ),
    edge(NFNL_MSG_BATCH_END),
  ];
}

function listsOf(elements: readonly SetElement[]): [string, SetElement[]][] {
  const lists: [string, SetElement[]][] = [];
  for (const [set, members] of Map.groupBy(elements, element => element.set)) {
    for (let start = 0; start < members.length; start += ELEMENTS_EACH) {
      lists.push([set, members.slice(start, start + ELEMENTS_EACH)]);
    }
  }
  return lists;
}

function list(table: string, set: string, members: readonly SetElement[]): Buffer {
  const elements = members.map(({ key, value, isEnd }) =>
    nested(
      LIST_ELEM,
      ...(isEnd ? [attribute(ELEM_FLAGS, be32(ELEM_INTERVAL_END))] : []),
      data(ELEM_KEY, key),
      ...(value ? [data(ELEM_DATA, value)] : []),
    ),
  );
  return Buffer.concat([
    attribute(LIST_TABLE, text(table)),
    attribute(LIST_SET, text(set)),
    nested(LIST_ELEMENTS, ...elements),
  ]);
}

function data(type: number, value: Buffer): Buffer {
  return nested(type, attribute(DATA_VALUE, value));
}

function request(what: string, message: number, flags: number, attributes: Buffer): NetlinkRequest {
  const payload = Buffer.concat([header(NFPROTO_INET, 0), attributes]);
  return { what, type: (NFNL_SUBSYS_NFTABLES << 8) | message, flags, payload };
}

/** Begin or end of a transaction. */
function edge(type: number): NetlinkRequest {
  return { what: 'change rules', type, flags: 0, payload: header(0, NFNL_SUBSYS_NFTABLES) };
}

/** `struct nfgenmsg` */
function header(family: number, resource: number): Buffer {
  return Buffer.concat([u8(family), u8(0), be16(resource)]);
}
