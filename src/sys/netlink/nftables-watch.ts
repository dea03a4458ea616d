import { decodeAttributes, type NetlinkReply, readText } from './netlink-message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink-socket.ts';
import { notificationStream } from './notification-stream.ts';

const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFTA_GEN_PROC_PID = 2;
const NFGENMSG_BYTES = 4;
/** of all but generations, the first attribute names the table (linux/netfilter/nf_tables.h) */
const TABLE_NAME = 1;
/** `NFT_MSG_DEL…`: table, chain, rule, set, set element */
const DELETIONS = new Set([2, 5, 8, 11, 14]);
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;

/** One committed transaction of anybody's. */
export interface NftablesChange {
  /** process (in fact thread) that made it */
  readonly pid: number;
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
        yield { pid: generationMaker(reply), damagedTables };
        damagedTables = new Set();
      } else if (DELETIONS.has(kind)) {
        const name = decodeAttributes(reply.payload, NFGENMSG_BYTES).get(TABLE_NAME);
        if (name) damagedTables.add(readText(name));
      }
    }
  }
}

function generationMaker(reply: NetlinkReply): number {
  const pid = decodeAttributes(reply.payload, NFGENMSG_BYTES).get(NFTA_GEN_PROC_PID);
  return pid && pid.length >= 4 ? pid.readUInt32BE(0) : 0;
}
