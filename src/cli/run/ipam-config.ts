import { BlockList, isIP } from 'node:net';
import { CliError } from '../cli-error.ts';

interface Pool {
  Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/**
 * Puts ranges, gateways and reserved addresses to the subnets that contain them, as the API wants them.
 *
 * @throws {CliError} for one that no subnet contains, or the second gateway or range of a subnet.
 */
export function ipamConfig(
  subnets: readonly string[],
  ranges: readonly string[],
  gateways: readonly string[],
  reserved: Readonly<Record<string, string>>,
): Pool[] {
  if (ranges.length > subnets.length || gateways.length > subnets.length) {
    throw new CliError('every ip-range or gateway must have a corresponding subnet');
  }
  const pools = subnets.map((Subnet): Pool => ({ Subnet }));
  const find = (address: string, what: string): Pool => {
    const pool = pools.find(({ Subnet }) => contains(Subnet, address.split('/')[0] ?? ''));
    if (!pool) throw new CliError(`no matching subnet for ${what} ${address}`);
    return pool;
  };
  for (const range of ranges) {
    const pool = find(range, 'range');
    if (pool.IPRange)
      throw new CliError(
        `cannot configure multiple ranges (${range}, ${pool.IPRange}) on the same subnet (${pool.Subnet})`,
      );
    pool.IPRange = range;
  }
  for (const gateway of gateways) {
    const pool = find(gateway, 'gateway');
    if (pool.Gateway)
      throw new CliError(
        `cannot configure multiple gateways (${gateway}, ${pool.Gateway}) for the same subnet (${pool.Subnet})`,
      );
    pool.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(reserved)) {
    const pool = find(address, 'aux-address');
    pool.AuxiliaryAddresses = { ...pool.AuxiliaryAddresses, [name]: address };
  }
  return pools;
}

function contains(subnet: string, address: string): boolean {
  const [network = '', bits = ''] = subnet.split('/');
  const family = isIP(network);
  if (family === 0 || isIP(address) !== family || !/^\d+$/.test(bits)) {
    if (family === 0 || !/^\d+$/.test(bits))
      throw new CliError(`invalid subnet ${subnet}: not an address with a prefix length`);
    return false;
  }
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(network, Number(bits), type);
  return list.check(address, type);
}
