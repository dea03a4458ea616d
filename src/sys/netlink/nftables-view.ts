import { NETLINK_NETFILTER, NetlinkSocket } from './netlink-socket.ts';
import { decodeChain, listChains, type NftChain } from './nftables-chains.ts';
import { decodeGeneration } from './nftables-watch.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETGEN = 16;
const NFGENMSG_BYTES = 4;

/**
 * Looks at the rule set of the network name space it was made in, without nft's words that change between releases.
 *
 * To be kept: closing a netfilter socket waits for what earlier transactions left to free, 10 ms and more.
 */
export class NftablesView implements Disposable {
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);

  /** Number of the last transaction, whoever made it. @throws {SysError} */
  generation(): number {
    const [outcome] = this.#socket.outcomes([
      {
        what: 'get rule set generation',
        type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN,
        flags: 0,
        payload: Buffer.alloc(NFGENMSG_BYTES),
      },
    ]);
    if (outcome?.error) throw outcome.error;
    const reply = outcome?.replies[0];
    return reply ? decodeGeneration(reply).generation : 0;
  }

  /** All chains of everybody's. @throws {SysError} */
  chains(): NftChain[] {
    return this.#socket.dump(listChains()).map(({ payload }) => decodeChain(payload));
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
