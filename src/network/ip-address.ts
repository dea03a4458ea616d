import { isIPv4, isIPv6 } from 'node:net';

export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A range of addresses; `value` is the first of them. */
export interface Subnet extends IpAddress {
  readonly prefixLength: number;
}

/** @returns undefined unless `text` is an IPv4 or IPv6 address without a zone. */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, value: valueOf(text.split('.').map(Number), 8n) };
  if (isIPv6(text) && !text.includes('%')) return { family: 6, value: valueOf(ipv6Groups(text), 16n) };
  return undefined;
}

/** Lower case, longest run of zeroes shortened (RFC 5952). */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 4) return parts(value, 4, 8n).join('.');
  const groups = parts(value, 8, 16n).map(group => group.toString(16));
  const zeroes = longestZeroRun(groups);
  if (zeroes.length < 2) return groups.join(':');
  const head = groups.slice(0, zeroes.start).join(':');
  return `${head}::${groups.slice(zeroes.start + zeroes.length).join(':')}`;
}

/** 4 or 16 bytes in network order. */
export function ipBytes({ family, value }: IpAddress): Buffer {
  return Buffer.from(parts(value, family === 4 ? 4 : 16, 8n));
}

export function ipFromBytes(bytes: Buffer): IpAddress {
  return { family: bytes.length === 4 ? 4 : 6, value: valueOf([...bytes], 8n) };
}

/** `address/prefix`, kept as written: the address may have host bits. */
export function parseCidr(text: string): { address: IpAddress; prefixLength: number } | undefined {
  const slash = text.lastIndexOf('/');
  const digits = text.slice(slash + 1);
  const address = slash > 0 && /^\d{1,3}$/.test(digits) ? parseIp(text.slice(0, slash)) : undefined;
  if (!address || Number(digits) > bitsOf(address.family)) return undefined;
  return { address, prefixLength: Number(digits) };
}

/** @returns undefined unless `text` is a subnet in CIDR form; host bits are cut off. */
export function parseSubnet(text: string): Subnet | undefined {
  const cidr = parseCidr(text);
  return cidr && subnetAround(cidr.address, cidr.prefixLength);
}

export function subnetAround({ family, value }: IpAddress, prefixLength: number): Subnet {
  const hostBits = BigInt(bitsOf(family) - prefixLength);
  return { family, value: (value >> hostBits) << hostBits, prefixLength };
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIp(subnet)}/${subnet.prefixLength}`;
}

export function lastOf(subnet: Subnet): IpAddress {
  const hostBits = BigInt(bitsOf(subnet.family) - subnet.prefixLength);
  return { family: subnet.family, value: subnet.value + (1n << hostBits) - 1n };
}

/** Where a host of the subnet hears what is for all; a range of one or two addresses has none (RFC 3021), nor has IPv6. */
export function broadcastOf(subnet: Subnet): IpAddress | undefined {
  return subnet.family === 4 && subnet.prefixLength < 31 ? lastOf(subnet) : undefined;
}

export function contains(subnet: Subnet, address: IpAddress): boolean {
  return (
    subnet.family === address.family && address.value >= subnet.value && address.value <= lastOf(subnet).value
  );
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return contains(one, other) || contains(other, one);
}

export function bitsOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function valueOf(digits: readonly number[], bits: bigint): bigint {
  return digits.reduce((value, digit) => (value << bits) | BigInt(digit), 0n);
}

function parts(value: bigint, count: number, bits: bigint): number[] {
  return Array.from({ length: count }, (_, index) =>
    Number((value >> (bits * BigInt(count - 1 - index))) & ((1n << bits) - 1n)),
  );
}

function ipv6Groups(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  if (tail === undefined) return left;
  const right = groupsOf(tail);
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap(group => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== '0') start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
