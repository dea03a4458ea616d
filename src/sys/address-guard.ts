import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** How far a server on an address is trusted to send us elsewhere. */
export type AddressClass = 'loopback' | 'linkLocal' | 'private' | 'public';

const CLASSES: readonly [AddressClass, readonly string[]][] = [
  ['loopback', ['127.0.0.0/8', '::1/128']],
  // 169.254.169.254 and its like hand out the credentials of cloud machines.
  [
    'linkLocal',
    [
      '169.254.0.0/16',
      'fe80::/10',
      '0.0.0.0/8',
      '::/128',
      '224.0.0.0/4',
      '240.0.0.0/4',
      'ff00::/8',
      'fd00:ec2::254/128',
      '192.0.0.0/24',
      '168.63.129.16/32',
    ],
  ],
  [
    'private',
    [
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '100.64.0.0/10',
      '198.18.0.0/15',
      'fc00::/7',
      // IPv6 that gateways turn into IPv4 of any kind, and what was private once
      '::/96',
      '::ffff:0:0:0/96',
      '64:ff9b:1::/48',
      '2002::/16',
      'fec0::/10',
    ],
  ],
];

const RANGES = CLASSES.map(([name, ranges]) => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return [name, list] as const;
});

export function classOf(address: string): AddressClass {
  const plain = embeddedV4(address) ?? address;
  const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4';
  return RANGES.find(([, list]) => list.check(plain, family))?.[0] ?? 'public';
}

/**
 * Whether a server whose own address is `own` may name one at `target`: never a link-local one, and nothing of this
 * machine or the private network unless it is there itself.
 */
export function mayLeadTo(own: AddressClass, target: AddressClass): boolean {
  if (target === 'linkLocal') return false;
  if (target === 'public') return true;
  return own === 'loopback' || (own === 'private' && target === 'private');
}

/**
 * What a limit counts by: an address of IPv4, of IPv6 the network (/64) that whoever has one address there has all of.
 *
 * @param address also as a socket for both families writes IPv4 (`::ffff:192.0.2.1`); anything else stays as it is
 */
export function clientNetwork(address: string): string {
  const plain = embeddedV4(address) ?? address;
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail] = new URL(`http://[${plain.replace(/%.*$/, '')}]`).hostname
    .slice(1, -1)
    .split('::');
  const first = head === '' ? [] : head.split(':');
  const rest = tail ? tail.split(':') : [];
  const zeros = Array.from({ length: 8 - first.length - rest.length }, () => '0');
  return `${[...first, ...zeros, ...rest].slice(0, 4).join(':')}::/64`;
}

/** Name look-up for connections to servers that another one has named. Checked at connecting, so that it cannot change. */
export function guardedLookup(own: AddressClass): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, []);
        return;
      }
      const refused = addresses.find(({ address }) => !mayLeadTo(own, classOf(address)));
      if (refused) callback(new ForbiddenAddressError(hostname, refused.address), []);
      else if (options.all) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
    });
  };
}

/** A server was about to send us where it has no business. */
export class ForbiddenAddressError extends Error {
  readonly code = 'QUAI_FORBIDDEN_ADDRESS';

  constructor(host: string, address: string) {
    super(
      host === address ? `${address} is not a public address` : `${host} is ${address}, not a public address`,
    );
  }
}

/** `::ffff:10.0.0.1`, also in hex; and 64:ff9b::/96 (RFC 6052), which a gateway turns into it. */
function embeddedV4(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  const normal = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname;
  const [, high = '', low = ''] =
    /^\[(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(normal) ?? [];
  if (high === '') return undefined;
  const bits = [Number.parseInt(high, 16), Number.parseInt(low, 16)] as const;
  return [bits[0] >> 8, bits[0] & 255, bits[1] >> 8, bits[1] & 255].join('.');
}
