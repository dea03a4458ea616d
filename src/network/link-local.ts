import { EngineError } from '#base/errors';
import { contains, formatIp, parseIp, parseSubnet, type Subnet } from './ip-address.ts';

const RANGES = ['169.254.0.0/16', 'fe80::/10'].flatMap(text => parseSubnet(text) ?? []);
/** of the kernel's own fe80:: addresses */
const IPV6_PREFIX = 64;
const MOST = 16;

/**
 * Addresses of `--link-local-ip`, in one writing each. Others are refused: a container sends as itself, and what it is besides is judged
 * when it asks for addresses of the network.
 *
 * @throws `invalid`
 */
export function parseLinkLocal(asked: readonly string[] = []): string[] {
  if (asked.length > MOST)
    throw new EngineError('invalid', `${asked.length} link-local addresses are asked for, limit is ${MOST}`);
  const parsed = asked.map(text => {
    const ip = parseIp(text);
    if (ip && RANGES.some(range => contains(range, ip))) return formatIp(ip);
    throw new EngineError(
      'invalid',
      `invalid link-local IP address: ${text}: use one of 169.254.0.0/16 or fe80::/10`,
    );
  });
  return [...new Set(parsed)];
}

/** The prefix length that such an address has on an interface. */
export function linkLocalPrefix({ family }: Pick<Subnet, 'family'>): number {
  return family === 4 ? 16 : IPV6_PREFIX;
}
