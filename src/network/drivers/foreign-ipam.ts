import { EngineError } from '#base/errors';
import type { Plugins } from '#plugin/plugins';
import { parseCidr, parseSubnet } from '../ip-address.ts';
import type { AssignedAddress } from '../ipam.ts';
import type { IpamPool, NetworkCreateOptions } from '../network.ts';
import type { NetworkRecord } from '../network-table.ts';
import { AddressSpaces, GATEWAY_REQUEST, Nothing, Pool, RequestedAddress } from './remote-protocol.ts';

export function hasForeignIpam(driver: string | undefined): driver is string {
  return driver !== undefined && !['', 'default', 'null'].includes(driver);
}

/** Addresses that another program manages (Docker's remote IPAM protocol). */
export class ForeignIpam {
  readonly #plugins: Plugins;

  readonly #options: { readonly timeoutMs: number };

  constructor(plugins: Plugins, timeoutMs: number) {
    this.#plugins = plugins;
    this.#options = { timeoutMs };
  }

  /** Ranges and gateways for a network to be. @throws what a call throws; what was taken is given back. */
  async requestPools(driver: string, options: NetworkCreateOptions): Promise<IpamPool[]> {
    const plugin = await this.#plugin(driver);
    const spaces = await plugin.call('IpamDriver.GetDefaultAddressSpaces', {}, AddressSpaces, this.#options);
    const asked = (options.pools ?? []).filter(({ subnet }) => subnet !== '');
    const wanted: readonly IpamPool[] = asked.length > 0 ? asked : [{ subnet: '' }];
    const pools: IpamPool[] = [];
    try {
      for (const each of wanted) {
        const request = {
          AddressSpace: spaces.LocalDefaultAddressSpace,
          Pool: each.subnet,
          SubPool: each.ipRange ?? '',
          Options: options.ipamOptions ?? {},
          V6: each.subnet.includes(':'),
        };
        const { PoolID: poolId, Pool: subnet } = await plugin.call(
          'IpamDriver.RequestPool',
          request,
          Pool,
          this.#options,
        );
        pools.push({ ...each, subnet, poolId });
        if (!parseSubnet(subnet)) throw nonsense(driver, 'RequestPool', subnet);
        const gateway = await this.#address(driver, poolId, each.gateway ?? '', GATEWAY_REQUEST);
        pools[pools.length - 1] = { ...each, subnet, poolId, gateway: gateway.address };
      }
      return pools;
    } catch (error) {
      await this.releasePools(driver, pools).catch(() => undefined);
      throw error;
    }
  }

  async releasePools(driver: string, pools: readonly IpamPool[]): Promise<void> {
    const plugin = await this.#plugin(driver);
    for (const { poolId, gateway } of pools) {
      if (poolId === undefined) continue;
      if (gateway !== undefined) await this.release(driver, poolId, gateway);
      await plugin.call('IpamDriver.ReleasePool', { PoolID: poolId }, Nothing, this.#options);
    }
  }

  /** An address of a family for an endpoint; undefined when the network has none of that family. */
  async assign(
    network: NetworkRecord,
    family: 4 | 6,
    asked: string | undefined,
  ): Promise<(AssignedAddress & { readonly poolId: string }) | undefined> {
    const pool = network.ipam.pools.find(({ subnet }) => subnet.includes(':') === (family === 6));
    if (pool?.poolId === undefined) return undefined;
    const { address, prefixLength } = await this.#address(network.ipam.driver, pool.poolId, asked ?? '', {});
    const gateway = network.isInternal ? undefined : pool.gateway;
    return { address, prefixLength, poolId: pool.poolId, ...(gateway !== undefined && { gateway }) };
  }

  async release(driver: string, poolId: string, address: string): Promise<void> {
    const plugin = await this.#plugin(driver);
    const request = { PoolID: poolId, Address: address };
    await plugin.call('IpamDriver.ReleaseAddress', request, Nothing, this.#options);
  }

  async #address(
    driver: string,
    poolId: string,
    asked: string,
    options: object,
  ): Promise<{ readonly address: string; readonly prefixLength: number }> {
    const plugin = await this.#plugin(driver);
    const request = { PoolID: poolId, Address: asked, Options: options };
    const { Address } = await plugin.call(
      'IpamDriver.RequestAddress',
      request,
      RequestedAddress,
      this.#options,
    );
    const cidr = parseCidr(Address);
    if (!cidr) throw nonsense(driver, 'RequestAddress', Address);
    return { address: Address.split('/')[0] ?? '', prefixLength: cidr.prefixLength };
  }

  #plugin(driver: string) {
    return this.#plugins.get(driver, 'IpamDriver', this.#options);
  }
}

function nonsense(driver: string, method: string, value: string): EngineError {
  return new EngineError(
    'internal',
    `plugin "${driver}": IpamDriver.${method}: bad answer: ${JSON.stringify(value.slice(0, 200))} is no address with a prefix`,
  );
}
