import { decodeAttributes, type NetlinkRequest, readText } from './netlink-message.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETCHAIN = 4;
const NFGENMSG_BYTES = 4;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_HOOK_HOOKNUM = 1;
const NF_DROP = 0;
const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
const FAMILIES = new Map([
  [1, 'inet'],
  [2, 'ip'],
  [10, 'ip6'],
]);

/** A chain of anybody's; iptables-nft's are among them, those of legacy iptables are not. */
export interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** absent for chains that are only jumped to, and for families other than inet, ip and ip6 */
  readonly hook?: string;
  /** what does not end in a verdict is dropped */
  readonly isDropping: boolean;
}

/** For {@link NetlinkSocket.dump}. */
export function listChains(): NetlinkRequest {
  return {
    what: 'list chains',
    type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN,
    flags: 0,
    payload: Buffer.alloc(NFGENMSG_BYTES),
  };
}

export function decodeChain(payload: Buffer): NftChain {
  const attributes = decodeAttributes(payload, NFGENMSG_BYTES);
  const string = (type: number): string => readText(attributes.get(type) ?? Buffer.alloc(0));
  const family = FAMILIES.get(payload[0] ?? 0);
  const hookNumber = decodeAttributes(attributes.get(NFTA_CHAIN_HOOK) ?? Buffer.alloc(0)).get(
    NFTA_HOOK_HOOKNUM,
  );
  const hook = family === undefined || !hookNumber ? undefined : HOOKS[hookNumber.readUInt32BE(0)];
  const policy = attributes.get(NFTA_CHAIN_POLICY);
  return {
    family: family ?? String(payload[0]),
    table: string(NFTA_CHAIN_TABLE),
    name: string(NFTA_CHAIN_NAME),
    isDropping: policy !== undefined && policy.readUInt32BE(0) === NF_DROP,
    ...(hook !== undefined && { hook }),
  };
}
