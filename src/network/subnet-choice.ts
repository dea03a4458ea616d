import { bitsOf, lastOf, parseSubnet, type Subnet } from './ip-address.ts';

/** A range that is cut into subnets of one size. */
export interface DefaultPool {
  readonly base: string;
  /** prefix length of the subnets */
  readonly size: number;
}

/** Docker's own (moby libnetwork/ipamutils), in its order: for the network called `bridge`. */
export const BRIDGE_POOLS: readonly DefaultPool[] = [
  { base: '172.17.0.0/16', size: 16 },
  { base: '172.18.0.0/16', size: 16 },
  { base: '172.19.0.0/16', size: 16 },
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/14', size: 16 },
  { base: '172.28.0.0/14', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
];

/** The same ranges in subnets of 253 addresses, the first left to `bridge`: room for 3,840 networks instead of 31. */
export const DEFAULT_POOLS: readonly DefaultPool[] = [
  { base: '172.18.0.0/15', size: 24 },
  { base: '172.20.0.0/14', size: 24 },
  { base: '172.24.0.0/13', size: 24 },
  { base: '192.168.0.0/16', size: 24 },
];

interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * The first subnet of the pools that touches none of `taken`; undefined when there is none. What is taken is passed
 * over in one go: the work grows with how much that is, not with how many subnets are tried.
 */
export function chooseSubnet(
  family: 4 | 6,
  pools: readonly DefaultPool[],
  taken: readonly Subnet[],
): Subnet | undefined {
  const gaps = intervalsOf(family, taken);
  for (const { base: text, size } of pools) {
    const base = parseSubnet(text);
    if (!base) throw new RangeError(`"${text}" is not a subnet`);
    if (base.family !== family) continue;
    const value = firstFree(base, size, gaps);
    if (value !== undefined) return { family, value, prefixLength: size };
  }
  return undefined;
}

function firstFree(base: Subnet, size: number, taken: readonly Interval[]): bigint | undefined {
  const hostBits = BigInt(bitsOf(base.family) - size);
  const end = lastOf(base).value;
  let value = base.value;
  for (const { first, last } of taken) {
    if (last < value) continue;
    if (first > value + (1n << hostBits) - 1n) break;
    value = ((last >> hostBits) + 1n) << hostBits;
    if (value > end) return undefined;
  }
  return value;
}

/** By their first address. */
function intervalsOf(family: 4 | 6, subnets: readonly Subnet[]): Interval[] {
  return subnets
    .filter(subnet => subnet.family === family)
    .map(intervalOf)
    .toSorted((a, b) => (a.first < b.first ? -1 : Number(a.first > b.first)));
}

/** Kept, as the same subnets are passed over at each choice. */
const intervals = new WeakMap<Subnet, Interval>();

function intervalOf(subnet: Subnet): Interval {
  const interval = intervals.get(subnet) ?? { first: subnet.value, last: lastOf(subnet).value };
  intervals.set(subnet, interval);
  return interval;
}
