import { formatIp, type IpAddress } from '../ip-address.ts';

const IPV4_ZONE = '.in-addr.arpa';
const IPV6_ZONE = '.ip6.arpa';

/** The address that a name of the reverse zones stands for (RFC 1035 3.5, RFC 3596 2.5); undefined for other names. */
export function addressOfReverseName(name: string): IpAddress | undefined {
  if (name.endsWith(IPV4_ZONE)) {
    const parts = name.slice(0, -IPV4_ZONE.length).split('.');
    const isWhole = parts.length === 4 && parts.every(part => /^\d{1,3}$/.test(part) && Number(part) < 256);
    return isWhole ? { family: 4, value: joined(parts, 8n, 10) } : undefined;
  }
  if (!name.endsWith(IPV6_ZONE)) return undefined;
  const digits = name.slice(0, -IPV6_ZONE.length).split('.');
  const isWhole = digits.length === 32 && digits.every(digit => /^[0-9a-f]$/.test(digit));
  return isWhole ? { family: 6, value: joined(digits, 4n, 16) } : undefined;
}

/** As it is asked for. */
export function reverseNameOf(address: IpAddress): string {
  if (address.family === 4) return formatIp(address).split('.').toReversed().join('.') + IPV4_ZONE;
  const digits = address.value.toString(16).padStart(32, '0');
  return digits.split('').toReversed().join('.') + IPV6_ZONE;
}

function joined(lowestFirst: readonly string[], bits: bigint, radix: number): bigint {
  return lowestFirst.reduceRight((value, part) => (value << bits) | BigInt(Number.parseInt(part, radix)), 0n);
}
