import { u32 } from '#sys/netlink/netlink-message';
import type { SetElement } from '#sys/netlink/set-element-requests';
import { bitsOf, ipBytes, lastOf, parseIp, parseSubnet } from './ip-address.ts';

/** One member of a set or map of our table, in nft's words. */
export interface Element {
  readonly set: string;
  readonly key: string;
  /** maps only */
  readonly value?: string;
}

type Part = 'ifname' | 'iface_index' | 'ipv4_addr' | 'ipv6_addr' | 'inet_proto' | 'inet_service';

interface SetType {
  readonly key: readonly Part[];
  /** maps only */
  readonly value?: readonly Part[];
  /** its members are ranges */
  readonly isInterval?: true;
}

/** Everything per network or container is a member of one of these; the rules themselves never change. */
const SETS: Readonly<Record<string, SetType>> = {
  bridges: { key: ['ifname'] },
  internal: { key: ['ifname'] },
  intra: { key: ['ifname', 'ifname'] },
  ...ofFamily(4),
  ...ofFamily(6),
};

function ofFamily(family: 4 | 6): Record<string, SetType> {
  const address = `ipv${family}_addr` as const;
  const port = ['inet_proto', 'inet_service'] as const;
  const target = [address, 'inet_service'] as const;
  return {
    [`home${family}`]: { key: [address, 'ifname'] },
    [`plugged${family}`]: { key: ['iface_index', address] },
    [`containers${family}`]: { key: [address] },
    [`routed${family}`]: { key: [address] },
    [`unprotected${family}`]: { key: [address] },
    [`trusted${family}`]: { key: [address, 'ifname'] },
    [`open${family}`]: { key: [address, ...port] },
    [`source${family}`]: { key: [address], value: [address], isInterval: true },
    [`masquerade${family}`]: { key: [address], isInterval: true },
    [`publish${family}`]: { key: [address, ...port], value: target },
    [`publish${family}_any`]: { key: port, value: target },
  };
}

/** Their declarations, in nft's words. */
export function renderSets(): string {
  return Object.entries(SETS)
    .map(([name, { key, value, isInterval }]) => {
      const type = [key, ...(value ? [value] : [])].map(parts => parts.join(' . ')).join(' : ');
      return `\n  ${value ? 'map' : 'set'} ${name} { type ${type};${isInterval ? ' flags interval;' : ''} }`;
    })
    .join('');
}

/** The same in the kernel's bytes. @throws {RangeError} for words that do not fit the type of their set: a bug */
export function encodeElements(elements: readonly Element[]): SetElement[] {
  return elements.flatMap(({ set, key, value }) => {
    const type = SETS[set];
    if (!type) throw new RangeError(`no set "${set}"`);
    const data = value !== undefined && type.value && { value: encode(value, type.value) };
    if (type.isInterval) return encodeRange(set, key, data || {});
    return [{ set, key: encode(key, type.key), ...data }];
  });
}

/** Where it begins, and what comes after its end, unless that is the end of all addresses. */
function encodeRange(set: string, range: string, data: Pick<SetElement, 'value'>): SetElement[] {
  const subnet = parseSubnet(range);
  if (!subnet) throw new RangeError(`no range: ${range}`);
  const next = { family: subnet.family, value: lastOf(subnet).value + 1n };
  const begin = { set, key: ipBytes(subnet), ...data };
  if (next.value >> BigInt(bitsOf(subnet.family)) !== 0n) return [begin];
  return [begin, { set, key: ipBytes(next), isEnd: true }];
}

const PROTOCOLS = new Map([
  ['tcp', 6],
  ['udp', 17],
  ['sctp', 132],
]);
const IFNAME_BYTES = 16;
const WORD = 4;

function encode(words: string, parts: readonly Part[]): Buffer {
  const given = words.split(' . ');
  if (given.length !== parts.length) throw new RangeError(`"${words}" is not ${parts.join(' . ')}`);
  const fields = parts.map((part, index) => encodePart(given[index] ?? '', part));
  const [only] = fields;
  if (fields.length === 1 && only) return only;
  return Buffer.concat(fields.flatMap(field => [field, Buffer.alloc((WORD - (field.length % WORD)) % WORD)]));
}

function encodePart(word: string, part: Part): Buffer {
  switch (part) {
    case 'ifname': {
      const name = Buffer.alloc(IFNAME_BYTES);
      if (name.write(word.replaceAll('"', '')) >= IFNAME_BYTES) throw new RangeError(`too long: ${word}`);
      return name;
    }
    case 'iface_index':
      return u32(Number(word));
    case 'inet_proto':
      return Buffer.from([PROTOCOLS.get(word) ?? Number(word)]);
    case 'inet_service': {
      const port = Buffer.alloc(2);
      port.writeUInt16BE(Number(word));
      return port;
    }
    case 'ipv4_addr':
    case 'ipv6_addr': {
      const ip = parseIp(word);
      if (ip?.family !== (part === 'ipv4_addr' ? 4 : 6)) throw new RangeError(`no ${part}: ${word}`);
      return ipBytes(ip);
    }
  }
}
