import { EngineError } from '#base/errors';
import { AddressPool } from './address-pool.ts';
import {
  addressInUse,
  addressOfAll,
  addressOnDefaultNetwork,
  addressOutsidePool,
  addressWithoutSubnet,
  noAddressLeft,
} from './errors.ts';
import {
  contains,
  formatIp,
  formatSubnet,
  type IpAddress,
  parseIp,
  parseSubnet,
  type Subnet,
} from './ip-address.ts';
import type { IpamPool } from './network.ts';
import type { NetworkRecord } from './network-table.ts';

export interface AssignedAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway?: string;
}

/** What of a subnet is taken. */
export interface SubnetUse {
  readonly subnet: string;
  readonly inUse: bigint;
  /** that could be handed out by themselves */
  readonly available: bigint;
}

interface NetworkPool {
  readonly subnet: Subnet;
  readonly gateway: IpAddress | undefined;
  readonly addresses: AddressPool;
}

/** Who has an address, for messages. */
export type HolderOf = (networkId: string, address: string) => string | undefined;

/** Which addresses of each network are taken. In memory: the rows of endpoints say so at start-up. */
export class Ipam {
  readonly #networks = new Map<string, NetworkPool[]>();
  readonly #holderOf: HolderOf;

  constructor(holderOf: HolderOf) {
    this.#holderOf = holderOf;
  }

  open(network: NetworkRecord): void {
    this.#networks.set(network.id, network.ipam.pools.map(openPool));
  }

  close(networkId: string): void {
    this.#networks.delete(networkId);
  }

  /** Notes an address that a stored endpoint has. */
  occupy(networkId: string, address: string): void {
    const ip = parseIp(address);
    if (ip) this.#poolOf(networkId, ip)?.addresses.take(ip);
  }

  release(networkId: string, address: string): void {
    const ip = parseIp(address);
    if (ip) this.#poolOf(networkId, ip)?.addresses.release(ip);
  }

  /** In the order of its subnets. */
  use(networkId: string): SubnetUse[] {
    return (this.#networks.get(networkId) ?? []).map(({ subnet, addresses }) => ({
      subnet: formatSubnet(subnet),
      ...addresses.use(),
    }));
  }

  /** The lowest free address of a family, or the one asked for; undefined when the network lacks that family. */
  assign(network: NetworkRecord, family: 4 | 6, asked?: string): AssignedAddress | undefined {
    const pools = (this.#networks.get(network.id) ?? []).filter(pool => pool.subnet.family === family);
    if (asked !== undefined && asked !== '') return this.#assignAsked(network, pools, asked, family);
    if (pools.length === 0) return undefined;
    for (const pool of pools) {
      const address = pool.addresses.allocate();
      if (address) return assigned(network, pool, address);
    }
    throw noAddressLeft(network, family);
  }

  #assignAsked(
    network: NetworkRecord,
    pools: readonly NetworkPool[],
    asked: string,
    family: 4 | 6,
  ): AssignedAddress {
    const ip = parseIp(asked);
    if (ip?.family !== family) throw new EngineError('invalid', `invalid IPv${family} address: ${asked}`);
    if (network.name === 'bridge') throw addressOnDefaultNetwork();
    if (!network.hasChosenSubnets) throw addressWithoutSubnet();
    const pool = pools.find(candidate => candidate.addresses.isUsable(ip));
    if (!pool) throw unusable(ip, pools, network);
    if (!pool.addresses.take(ip)) {
      throw addressInUse(asked, reservedFor(ip, network) ?? this.#holderOf(network.id, formatIp(ip)));
    }
    return assigned(network, pool, ip);
  }

  #poolOf(networkId: string, ip: IpAddress): NetworkPool | undefined {
    return this.#networks.get(networkId)?.find(pool => pool.addresses.isUsable(ip));
  }
}

function unusable(ip: IpAddress, pools: readonly NetworkPool[], network: NetworkRecord): EngineError {
  const around = pools.find(({ subnet }) => contains(subnet, ip));
  if (around) return addressOfAll(formatIp(ip), formatSubnet(around.subnet));
  const subnets = network.ipam.pools.map(({ subnet }) => subnet);
  return addressOutsidePool(formatIp(ip), subnets);
}

function reservedFor(ip: IpAddress, { ipam }: NetworkRecord): string | undefined {
  const text = formatIp(ip);
  if (ipam.pools.some(({ gateway }) => gateway === text)) return 'the gateway';
  const names = ipam.pools.flatMap(({ auxAddresses }) => Object.entries(auxAddresses ?? {}));
  const [name] = names.find(([, address]) => address === text) ?? [];
  return name === undefined ? undefined : `aux-address ${name}`;
}

function openPool(pool: IpamPool): NetworkPool {
  const subnet = parseSubnet(pool.subnet);
  if (!subnet) throw new RangeError(`stored subnet "${pool.subnet}" cannot be read`);
  const gateway = pool.gateway === undefined ? undefined : parseIp(pool.gateway);
  const range = pool.ipRange === undefined ? undefined : parseSubnet(pool.ipRange);
  const reserved = [gateway, ...Object.values(pool.auxAddresses ?? {}).map(parseIp)].filter(
    address => address !== undefined,
  );
  return { subnet, gateway, addresses: new AddressPool({ subnet, reserved, ...(range && { range }) }) };
}

/** Nothing leaves an internal network, so its endpoints have no gateway. */
function assigned(network: NetworkRecord, pool: NetworkPool, address: IpAddress): AssignedAddress {
  const gateway = network.isInternal ? undefined : pool.gateway;
  return {
    address: formatIp(address),
    prefixLength: pool.subnet.prefixLength,
    ...(gateway && { gateway: formatIp(gateway) }),
  };
}
