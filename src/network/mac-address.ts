import { randomBytes } from 'node:crypto';
import { ipBytes, parseIp } from './ip-address.ts';

/** Docker's prefix: locally administered, one station. */
const PREFIX = [0x02, 0x42];

/**
 * A hardware address that follows from the first IPv4 address, so that a neighbour's memory stays true when the
 * address passes to another container; random when there is none.
 */
export function macFor(addresses: readonly string[]): string {
  for (const address of addresses) {
    const ip = parseIp(address);
    if (ip?.family === 4) return format([...PREFIX, ...ipBytes(ip)]);
  }
  return format([...PREFIX, ...randomBytes(4)]);
}

/** In the kernel's spelling. @returns undefined unless it is six bytes of hex, and one station's. */
export function parseMac(text: string): string | undefined {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
  const mac = text.toLowerCase().replaceAll('-', ':');
  const isGroup = (macBytes(mac).at(0) ?? 0) & 1;
  return isGroup || mac === '00:00:00:00:00:00' ? undefined : mac;
}

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

function format(bytes: readonly number[]): string {
  return bytes.map(byte => byte.toString(16).padStart(2, '0')).join(':');
}
