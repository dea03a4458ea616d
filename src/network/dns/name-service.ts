import type { EndpointRegistry } from '../endpoint-registry.ts';
import type { EndpointRecord } from '../endpoint-table.ts';
import type { NetworkRegistry } from '../network-registry.ts';
import type { NetworkRecord } from '../network-table.ts';
import type { Sandboxes } from '../sandboxes.ts';
import type { NamedEndpoint, NamedNetwork, UpstreamServer } from './dns-orders.ts';
import { DnsThread, type DnsThreadDeps } from './dns-thread.ts';
import { readHostResolvConf, watchHostResolvers } from './host-resolvers.ts';
import { resolvConf } from './resolv-conf.ts';

export interface NameServiceDeps extends DnsThreadDeps {
  readonly networks: NetworkRegistry;
  readonly endpoints: EndpointRegistry;
  readonly sandboxes: Sandboxes;
  /** `--dns` of a container */
  readonly dnsServersOf: (containerId: string) => readonly string[];
}

/**
 * Containers on user-defined networks find each other by name: the engine answers them at 127.0.0.11. What is told to
 * the thread that does it follows from the networks and endpoints as they are. See docs/design/names.md.
 */
export class NameService {
  readonly #deps: NameServiceDeps;
  readonly #thread: DnsThread;
  #watch: Disposable | undefined;

  constructor(deps: NameServiceDeps) {
    this.#deps = deps;
    this.#thread = new DnsThread(deps);
  }

  setNetwork(network: NetworkRecord): void {
    if (hasNames(network)) this.#thread.setNetwork(toNamedNetwork(network));
  }

  removeNetwork(id: string): void {
    this.#thread.removeNetwork(id);
  }

  /** Something about a container's endpoints has changed: everybody it concerns knows from now on. */
  update(containerId: string): void {
    const { endpoints, networks, sandboxes } = this.#deps;
    const all = endpoints.ofContainer(containerId);
    const named = all.filter(({ networkId }) => hasNames(networks.get(networkId)));
    const isServed = this.#thread.sandboxes.has(containerId);
    if (named.length === 0 && !(isServed && all.length > 0)) return this.#thread.removeSandbox(containerId);
    this.#watch ??= watchHostResolvers(() => this.#updateAll());
    this.#thread.setSandbox({
      id: containerId,
      netns: sandboxes.path(containerId),
      endpoints: named.map(toNamedEndpoint),
      hostAddresses: this.#hostAddresses(all),
      upstreams: this.#upstreams(containerId, all),
    });
  }

  /** Resolves when a container can ask. */
  async ready(containerId: string): Promise<void> {
    await this.#thread.opened(containerId);
  }

  /** The container is gone: its sockets let go of its name space. */
  remove(containerId: string): void {
    this.#thread.removeSandbox(containerId);
  }

  /** At start-up, when networks and endpoints are as they should be. */
  async restore(): Promise<void> {
    for (const network of this.#deps.networks.list()) this.setNetwork(network);
    const containers = this.#deps.endpoints.containers();
    for (const id of containers) this.update(id);
    await Promise.all(containers.map(id => this.ready(id)));
  }

  /** Lets go of every socket. */
  async close(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await this.#thread[Symbol.asyncDispose]();
  }

  /** The same, without waiting. */
  abandon(): void {
    this.#watch?.[Symbol.dispose]();
    this.#thread.abandon();
  }

  #updateAll(): void {
    for (const id of this.#thread.sandboxes.keys()) this.update(id);
  }

  /** Under which the host can be reached: the gateway's, as the way out may change. On internal networks the bridge's own. */
  #hostAddresses(endpoints: readonly EndpointRecord[]): string[] {
    const isBridge = ({ networkId }: EndpointRecord): boolean =>
      this.#deps.networks.get(networkId).driver === 'bridge';
    const gateway = endpoints.find(endpoint => endpoint.isGateway && isBridge(endpoint));
    if (gateway) return present([gateway.ipv4?.gateway, gateway.ipv6?.gateway]);
    const [first] = endpoints.filter(isBridge);
    return first
      ? present(this.#deps.networks.get(first.networkId).ipam.pools.map(pool => pool.gateway))
      : [];
  }

  /** A container without a way out asks nobody: what it cannot send it cannot have sent for it (CVE-2024-29018). */
  #upstreams(containerId: string, endpoints: readonly EndpointRecord[]): readonly UpstreamServer[] {
    if (!endpoints.some(endpoint => endpoint.isGateway)) return [];
    return resolvConf({
      hostContent: readHostResolvConf(),
      mode: 'internal',
      hasIpv6: endpoints.some(endpoint => endpoint.isGateway && endpoint.ipv6?.gateway !== undefined),
      servers: this.#deps.dnsServersOf(containerId),
      search: [],
      options: [],
    }).upstreams;
  }
}

/** Whether containers on a network find each other by name: on those that users made (as Docker). */
export function hasNames({ name, driver }: Pick<NetworkRecord, 'name' | 'driver'>): boolean {
  return name !== 'bridge' && driver !== 'host' && driver !== 'null';
}

function toNamedNetwork({ id, name, ipam }: NetworkRecord): NamedNetwork {
  return { id, name, subnets: ipam.pools.map(pool => pool.subnet) };
}

function toNamedEndpoint({ networkId, dnsNames, ipv4, ipv6, links }: EndpointRecord): NamedEndpoint {
  return {
    networkId,
    names: dnsNames,
    addresses: present([ipv4?.address, ipv6?.address]),
    links: links.flatMap(link => {
      const [target, alias = target] = link.split(':');
      return target && alias ? [[alias, target] as const] : [];
    }),
  };
}

function present(addresses: readonly (string | undefined)[]): string[] {
  return addresses.filter(address => address !== undefined);
}
