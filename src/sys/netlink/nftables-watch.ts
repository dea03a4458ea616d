import { decodeAttributes, type NetlinkReply, readText } from './netlink-message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink-socket.ts';
import { notificationStream } from './notification-stream.ts';

const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFTA_GEN_ID = 1;
const NFTA_GEN_PROC_PID = 2;
const NFTA_GEN_PROC_NAME = 3;
const NFGENMSG_BYTES = 4;
/** of all but generations, the first attribute names the table (linux/netfilter/nf_tables.h) */
const TABLE_NAME = 1;
/** `NFT_MSG_DEL…`: table, chain, rule, set, set element */
const DELETIONS = new Set([2, 5, 8, 11, 14]);
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;

/** One committed transaction of anybody's. */
export interface NftablesChange {
  /** number of the rule set after it; wraps round at 32 bits */
  readonly generation: number;
  /** process (in fact thread) that made it, as the first process of the machine knows it */
  readonly pid: number;
  readonly program: string;
  /** tables that something was removed from */
  readonly damagedTables: ReadonlySet<string>;
}

export interface NftablesWatch extends AsyncIterable<NftablesChange>, Disposable {}

/**
 * Follows the changes of the rule set of this network name space (`NFNLGRP_NFTABLES`). Every transaction ends with
 * a message that tells its number and the process that made it. Ends with an error when messages were lost.
 */
export function watchNftables(): NftablesWatch {
  const socket = new NetlinkSocket(NETLINK_NETFILTER);
  socket.setReceiveBuffer(RECEIVE_BUFFER_BYTES);
  socket.join(NFNLGRP_NFTABLES);
  const stream = notificationStream(socket);
  return {
    [Symbol.asyncIterator]: () => changes(stream),
    [Symbol.dispose]: () => stream[Symbol.dispose](),
  };
}

async function* changes(stream: AsyncIterable<readonly NetlinkReply[]>): AsyncGenerator<NftablesChange> {
  let damagedTables = new Set<string>();
  for await (const batch of stream) {
    for (const reply of batch) {
      if (reply.type >> 8 !== NFNL_SUBSYS_NFTABLES) continue;
      const kind = reply.type & 0xff;
      if (kind === NFT_MSG_NEWGEN) {
        yield { ...decodeGeneration(reply), damagedTables };
        damagedTables = new Set();
      } else if (DELETIONS.has(kind)) {
        const name = decodeAttributes(reply.payload, NFGENMSG_BYTES).get(TABLE_NAME);
        if (name) damagedTables.add(readText(name));
      }
    }
  }
}

/** What a message about the rule set's generation says. */
export function decodeGeneration(reply: NetlinkReply): Omit<NftablesChange, 'damagedTables'> {
  const attributes = decodeAttributes(reply.payload, NFGENMSG_BYTES);
  const number = (type: number): number => {
    const value = attributes.get(type);
    return value && value.length >= 4 ? value.readUInt32BE(0) : 0;
  };
  return {
    generation: number(NFTA_GEN_ID),
    pid: number(NFTA_GEN_PROC_PID),
    program: readText(attributes.get(NFTA_GEN_PROC_NAME) ?? Buffer.alloc(0)),
  };
}
