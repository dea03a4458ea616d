import { EngineError } from '#base/errors';
import { type NetworkId, newId } from '#base/ids';
import type { NetworkDriver } from './drivers/network-driver.ts';
import { addressInUse, poolOverlaps, poolsExhausted } from './errors.ts';
import {
  broadcastOf,
  contains,
  formatIp,
  formatSubnet,
  type IpAddress,
  lastOf,
  overlaps,
  parseIp,
  parseSubnet,
  type Subnet,
} from './ip-address.ts';
import type { IpamPool, NetworkCreateOptions } from './network.ts';
import type { NetworkRecord } from './network-table.ts';
import { chooseSubnet, type DefaultPool } from './subnet-choice.ts';

/** A range that is not ours to give away, and whose it is: for messages. */
export interface TakenSubnet {
  readonly subnet: Subnet;
  readonly holder: string;
  /** the host's own, not that of a network of ours */
  readonly isOfHost?: true;
}

export interface PlanContext {
  readonly driver: Pick<NetworkDriver, 'name' | 'check' | 'isOnLan'>;
  readonly taken: readonly TakenSubnet[];
  /** of both families */
  readonly pools: readonly DefaultPool[];
  /** networks that do not say have IPv6; default: they have not */
  readonly hasIpv6ByDefault?: boolean;
}

/** Modes that `--network` gives another meaning to. */
const RESERVED_NAMES = new Set(['default']);
const MAX_NAME_LENGTH = 128;

/** A network as it will be: options checked, subnets and gateways chosen. Touches nothing. @throws `invalid`, `forbidden`, `notFound`. */
export function planNetwork(options: NetworkCreateOptions, context: PlanContext): NetworkRecord {
  checkName(options.name);
  const hasIpv4 = options.hasIpv4 ?? true;
  const isDualByDefault =
    (context.hasIpv6ByDefault ?? false) && !context.driver.isOnLan && !isOfCompose1(options.labels);
  const hasIpv6 =
    (options.hasIpv6 ?? isDualByDefault) || (options.pools ?? []).some(pool => pool.subnet.includes(':'));
  if (!hasIpv4 && !hasIpv6) throw new EngineError('invalid', 'IPv4 or IPv6 must be enabled');
  const network: Omit<NetworkRecord, 'ipam'> = {
    id: newId<NetworkId>(),
    name: options.name,
    driver: context.driver.name,
    createdAt: Date.now(),
    scope: 'local',
    isInternal: options.isInternal ?? false,
    isAttachable: options.isAttachable ?? false,
    isConfigOnly: false,
    configFrom: options.configFrom ?? '',
    hasIpv4,
    hasIpv6,
    hasChosenSubnets: (options.pools ?? []).some(pool => pool.subnet !== ''),
    options: options.options ?? {},
    labels: options.labels ?? {},
  };
  const ipam = { driver: options.ipamDriver || 'default', options: options.ipamOptions ?? {} };
  context.driver.check({ ...network, ipam: { ...ipam, pools: [] } });
  const pools = planPools(options.pools ?? [], { hasIpv4, hasIpv6 }, context);
  return { ...network, ipam: { ...ipam, pools } };
}

/** Compose 1 finds a network changed, and ends, that has IPv6 without being asked for it. */
function isOfCompose1(labels: Readonly<Record<string, string>> = {}): boolean {
  return labels['com.docker.compose.version']?.startsWith('1.') ?? false;
}

/** The networks that are not ours to make: `host` and `none`. */
export function planSpecialNetwork(name: string, driver: 'host' | 'null'): NetworkRecord {
  return {
    id: newId<NetworkId>(),
    name,
    driver,
    createdAt: Date.now(),
    scope: 'local',
    isInternal: false,
    isAttachable: false,
    isConfigOnly: false,
    configFrom: '',
    hasIpv4: true,
    hasIpv6: false,
    hasChosenSubnets: false,
    ipam: { driver: 'default', options: {}, pools: [] },
    options: {},
    labels: {},
  };
}

export function checkName(name: string): void {
  const isUsable =
    /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) && name.length <= MAX_NAME_LENGTH && !RESERVED_NAMES.has(name);
  if (!isUsable) {
    throw new EngineError(
      'invalid',
      `invalid network name ${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))}: use letters, digits, "_", "." and "-", first a letter or digit`,
    );
  }
}

function planPools(
  asked: readonly IpamPool[],
  families: { readonly hasIpv4: boolean; readonly hasIpv6: boolean },
  context: PlanContext,
): IpamPool[] {
  const planned: { subnet: Subnet; pool: IpamPool }[] = [];
  const rivals = context.driver.isOnLan ? context.taken.filter(taken => !taken.isOfHost) : context.taken;
  for (const pool of asked) {
    if (pool.subnet === '') continue;
    const subnet = parseSubnet(pool.subnet);
    if (!subnet)
      throw new EngineError(
        'invalid',
        `invalid subnet ${JSON.stringify(pool.subnet)}: it must look like 10.10.0.0/24 or fd00:10::/64`,
      );
    refuseUnusable(subnet, families);
    const own = planned.map(other => ({ subnet: other.subnet, holder: 'the same request' }));
    for (const other of [...rivals, ...own]) {
      if (overlaps(other.subnet, subnet)) {
        throw poolOverlaps(pool.subnet, other.holder, freeRange(pool.subnet, context));
      }
    }
    planned.push({ subnet, pool: completePool(subnet, pool) });
  }
  const has = (family: 4 | 6): boolean => planned.some(({ subnet }) => subnet.family === family);
  if (families.hasIpv4 && !has(4)) {
    refuseLooseAddresses(asked, 4);
    const subnet = chosen(4, context);
    planned.unshift({ subnet, pool: completePool(subnet, { subnet: formatSubnet(subnet) }) });
  }
  if (families.hasIpv6 && !has(6)) {
    const subnet = chosen(6, context);
    planned.push({ subnet, pool: completePool(subnet, { subnet: formatSubnet(subnet) }) });
  }
  return planned.map(({ pool }) => pool);
}

function chosen(family: 4 | 6, { pools, taken }: PlanContext): Subnet {
  const subnet = chooseSubnet(
    family,
    pools,
    taken.map(each => each.subnet),
  );
  if (!subnet) throw poolsExhausted();
  return subnet;
}

/** A subnet as large as the one asked for that nobody uses, where the pools have one; for messages. */
export function freeRange(
  like: string,
  { pools, taken }: Pick<PlanContext, 'pools' | 'taken'>,
): string | undefined {
  const asked = parseSubnet(like);
  if (!asked) return undefined;
  const sized = pools
    .filter(({ base }) => (parseSubnet(base)?.prefixLength ?? Number.POSITIVE_INFINITY) <= asked.prefixLength)
    .map(({ base }) => ({ base, size: asked.prefixLength }));
  const subnet = chooseSubnet(
    asked.family,
    sized,
    taken.map(each => each.subnet),
  );
  return subnet && formatSubnet(subnet);
}

/** A gateway or range without a subnet has nothing to belong to. */
function refuseLooseAddresses(asked: readonly IpamPool[], family: 4 | 6): void {
  for (const pool of asked) {
    const loose = pool.gateway ?? pool.ipRange?.split('/')[0];
    if (pool.subnet === '' && loose && parseIp(loose)?.family === family) {
      throw new EngineError('invalid', `no matching subnet for gateway ${loose}`);
    }
  }
}

function completePool(subnet: Subnet, pool: IpamPool): IpamPool {
  const range = pool.ipRange === undefined || pool.ipRange === '' ? undefined : parseSubnet(pool.ipRange);
  if (pool.ipRange && (!range || !contains(subnet, range) || !contains(subnet, lastOf(range)))) {
    throw new EngineError('invalid', `no matching subnet for range ${pool.ipRange}`);
  }
  const auxAddresses = Object.fromEntries(
    Object.entries(pool.auxAddresses ?? {}).map(([name, address]) => [
      name,
      formatIp(addressIn(subnet, address, 'aux-address')),
    ]),
  );
  const spare = new Set(Object.values(auxAddresses));
  const gateway = pool.gateway
    ? addressIn(subnet, pool.gateway, 'gateway')
    : firstGateway(subnet, { range, spare });
  refuseGateway(subnet, gateway, auxAddresses);
  return {
    subnet: formatSubnet(subnet),
    gateway: formatIp(gateway),
    ...(pool.poolId !== undefined && { poolId: pool.poolId }),
    ...(range && { ipRange: formatSubnet(range) }),
    ...(Object.keys(auxAddresses).length > 0 && { auxAddresses }),
  };
}

function addressIn(subnet: Subnet, text: string, what: string): IpAddress {
  // Docker takes `192.168.0.1/24` for a gateway, too.
  const address = parseIp(text.replace(/\/\d+$/, ''));
  if (!address || !contains(subnet, address)) {
    throw new EngineError(
      'invalid',
      `no matching subnet for ${what} ${text}: it is not in ${formatSubnet(subnet)}`,
    );
  }
  return address;
}

/** Ranges of which no host can have an address. */
const NOBODYS: readonly (readonly [Subnet | undefined, string])[] = [
  [parseSubnet('0.0.0.0/8'), 'is of addresses that mean "this network" (0.0.0.0/8)'],
  [parseSubnet('224.0.0.0/4'), 'is of multicast addresses (224.0.0.0/4)'],
  [parseSubnet('ff00::/8'), 'is of multicast addresses (ff00::/8)'],
];

function refuseUnusable(subnet: Subnet, { hasIpv4 }: { readonly hasIpv4: boolean }): void {
  const text = formatSubnet(subnet);
  if (subnet.family === 4 && !hasIpv4) {
    throw new EngineError('invalid', `subnet ${text} is of IPv4, which this network is made without`);
  }
  const [, what] = NOBODYS.find(([range]) => range && contains(range, subnet)) ?? [];
  if (what !== undefined) {
    throw new EngineError('invalid', `subnet ${text} ${what}: no container can have one of these`);
  }
}

/** @throws `invalid` for an address that is everybody's, `conflict` for one that was promised to somebody else. */
function refuseGateway(
  subnet: Subnet,
  gateway: IpAddress,
  auxAddresses: Readonly<Record<string, string>>,
): void {
  const address = formatIp(gateway);
  const last = broadcastOf(subnet);
  const edge = gateway.value === subnet.value ? 'network' : 'broadcast';
  if (last && (edge === 'network' || gateway.value === last.value)) {
    const [from, to] = [subnet.value + 1n, last.value - 1n].map(value => formatIp({ family: 4, value }));
    throw new EngineError(
      'invalid',
      `gateway ${address} is the ${edge} address of ${formatSubnet(subnet)}: take one from ${from} to ${to}`,
    );
  }
  const [rival] = Object.entries(auxAddresses).find(([, other]) => other === address) ?? [];
  if (rival !== undefined)
    throw addressInUse(address, `aux-address ${rival}, it cannot be the gateway as well`);
}

function firstGateway(
  subnet: Subnet,
  { range, spare }: { readonly range: Subnet | undefined; readonly spare: ReadonlySet<string> },
): IpAddress {
  const base = range ?? subnet;
  const hostBits = (subnet.family === 4 ? 32 : 128) - subnet.prefixLength;
  if (hostBits === 0)
    throw new EngineError('invalid', `subnet ${formatSubnet(subnet)} has no room for a gateway`);
  let value = base.value === subnet.value ? base.value + 1n : base.value;
  while (spare.has(formatIp({ family: subnet.family, value }))) value += 1n;
  return { family: subnet.family, value };
}
