import { isIP } from 'node:net';
import * as v from 'valibot';
import { parseSubnet } from '#network/ip-address';
import type { NetworkServiceDeps } from '#network/network-service';

/** IPv4 needs room for a gateway and a container, IPv6 too. */
const SIZE_MAX = { 4: 30, 6: 126 };
const DNS_PORT = 53;

const Pool = v.pipe(
  v.strictObject({ base: v.string(), size: v.pipe(v.number(), v.integer()) }),
  v.check(({ base, size }) => {
    const subnet = parseSubnet(base);
    return subnet !== undefined && size >= subnet.prefixLength && size <= SIZE_MAX[subnet.family];
  }, 'must be like {"base": "10.10.0.0/16", "size": 24}: a range, and the prefix length of the subnets it is cut into'),
);

const HostDns = v.pipe(
  v.string(),
  v.transform(parseAddress),
  v.check(
    stub => stub !== undefined,
    'must be a loopback address such as 127.0.0.9 or 127.0.0.9:5353: names of containers are for this host alone',
  ),
);

/** Options of the daemon about addresses and names. */
export const NETWORK_KEYS = {
  'default-address-pools': v.optional(v.pipe(v.array(Pool), v.minLength(1))),
  'default-network-ipv6': v.optional(v.boolean()),
  'host-dns': v.optional(HostDns),
};

const Keys = v.object(NETWORK_KEYS);

export type NetworkOptions = Pick<NetworkServiceDeps, 'defaultPools' | 'hasIpv6ByDefault' | 'hostStub'>;

export function networkOptions(given: v.InferOutput<typeof Keys>): NetworkOptions {
  const { 'default-address-pools': defaultPools, 'host-dns': hostStub } = given;
  return {
    hasIpv6ByDefault: given['default-network-ipv6'] ?? true,
    ...(defaultPools && { defaultPools }),
    ...(hostStub && { hostStub }),
  };
}

function parseAddress(text: string): { address: string; port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:]+)\]|([0-9.]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const address = bracketed ?? plain ?? '';
  const port = digits === undefined ? DNS_PORT : Number(digits);
  const isLoopback = (isIP(address) === 4 && address.startsWith('127.')) || address === '::1';
  return isLoopback && port > 0 && port <= 65_535 ? { address, port } : undefined;
}
