import { randomBytes } from 'node:crypto';
import { poolsExhausted } from './errors.ts';
import { ipFromBytes, overlaps, parseSubnet, type Subnet } from './ip-address.ts';

/** A range that is cut into subnets of one size. */
export interface DefaultPool {
  readonly base: string;
  /** prefix length of the subnets */
  readonly size: number;
}

/** Docker's own (moby libnetwork/ipamutils), in its order. */
export const DEFAULT_POOLS: readonly DefaultPool[] = [
  { base: '172.17.0.0/16', size: 16 },
  { base: '172.18.0.0/16', size: 16 },
  { base: '172.19.0.0/16', size: 16 },
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/14', size: 16 },
  { base: '172.28.0.0/14', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
];

/** The first subnet of the pools that touches none of `taken`. @throws `invalid` when there is none. */
export function chooseIpv4Subnet(pools: readonly DefaultPool[], taken: readonly Subnet[]): Subnet {
  for (const pool of pools) {
    const base = parseSubnet(pool.base);
    if (!base) throw new RangeError(`"${pool.base}" is not a subnet`);
    const step = 1n << BigInt(32 - pool.size);
    const end = base.value + (1n << BigInt(32 - base.prefixLength));
    for (let value = base.value; value < end; value += step) {
      const subnet: Subnet = { family: 4, value, prefixLength: pool.size };
      if (!taken.some(other => overlaps(other, subnet))) return subnet;
    }
  }
  throw poolsExhausted();
}

/** A random unique local /64 (RFC 4193). */
export function chooseIpv6Subnet(): Subnet {
  const prefix = Buffer.concat([Buffer.from([0xfd]), randomBytes(7), Buffer.alloc(8)]);
  return { ...ipFromBytes(prefix), prefixLength: 64 };
}
