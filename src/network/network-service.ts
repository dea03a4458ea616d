import { openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type Abortable, throwIfAborted } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { type FaultSwitch, noFaults } from '#base/fault-points';
import type { Logger } from '#base/logger';
import { Plugins } from '#plugin/plugins';
import type { Database } from '#store/database';
import { OwnedFd } from '#sys/descriptors';
import { Conntrack } from '#sys/netlink/conntrack';
import type { NftChain } from '#sys/netlink/nftables-chains';
import { readSysctl } from '#sys/sysctl';
import { Attachment } from './attachment.ts';
import { BackgroundChores } from './background-chores.ts';
import type { HostStub } from './dns/dns-thread.ts';
import { NameService } from './dns/name-service.ts';
import { BridgeDriver } from './drivers/bridge-driver.ts';
import { DriverTable } from './drivers/driver-table.ts';
import { ForeignEndpoints } from './drivers/foreign-endpoints.ts';
import { ForeignIpam, hasForeignIpam } from './drivers/foreign-ipam.ts';
import { LanDriver } from './drivers/lan-driver.ts';
import type { NetworkDriver } from './drivers/network-driver.ts';
import { OwedCalls } from './drivers/owed-calls.ts';
import { plainDriver } from './drivers/plain-driver.ts';
import { PLUGIN_CALL_MS } from './drivers/remote-protocol.ts';
import { checkEndpoint } from './endpoint-check.ts';
import { renameEndpoint } from './endpoint-plan.ts';
import { EndpointRegistry } from './endpoint-registry.ts';
import { Firewall } from './firewall.ts';
import { ForeignAttachment } from './foreign-attachment.ts';
import { ForwardWarning } from './forward-warning.ts';
import { HostLinks } from './host-links.ts';
import { type EngineInstance, InstanceNames } from './instance-names.ts';
import { Ipam, type SubnetUse } from './ipam.ts';
import { LateLinks } from './late-links.ts';
import type {
  Endpoint,
  EndpointRequest,
  Network,
  NetworkCreateOptions,
  PortRequest,
  SandboxOwner,
} from './network.ts';
import { NetworkMaker } from './network-maker.ts';
import type { NetworkParts } from './network-parts.ts';
import { freeRange } from './network-plan.ts';
import { NetworkRegistry } from './network-registry.ts';
import { hostRanges, restoreNetworks, takenSubnets } from './network-restore.ts';
import { OwedCallTable } from './owed-call-table.ts';
import { PortBook } from './port-book.ts';
import { changePorts } from './port-change.ts';
import { describeConflict } from './port-conflict.ts';
import { PortPublisher } from './port-publisher.ts';
import { PortRefused } from './port-refused.ts';
import { OPEN_POLICY, type PublishingPolicy } from './publishing-policy.ts';
import { RangeWatch } from './range-watch.ts';
import { Sandboxes } from './sandboxes.ts';
import { BRIDGE_POOLS, DEFAULT_POOLS, type DefaultPool } from './subnet-choice.ts';
import { forgetFlows } from './tracked-flows.ts';
import { ulaPrefix } from './ula-prefix.ts';

export interface NetworkServiceDeps {
  /** with `networkMigrations` applied */
  readonly db: Database;
  /** name spaces are bound in `<runDir>/netns/` */
  readonly runDir: string;
  readonly instance: EngineInstance;
  readonly events: EventSink;
  readonly logger: Logger;
  /** a container's name, for messages; undefined when there is no such container */
  readonly resolveContainerName: (containerId: string) => string | undefined;
  readonly publishing?: PublishingPolicy;
  readonly faults?: FaultSwitch;
  /** default: those that Docker would find */
  readonly plugins?: Plugins;
  /** for each call of one */
  readonly pluginTimeoutMs?: number;
  /** `--dns` of a container; none unless given */
  readonly dnsServersOf?: (containerId: string) => readonly string[];
  /** where programs of the host may ask for names of containers; nowhere unless given */
  readonly hostStub?: HostStub;
  /** ranges for networks that name none, of both families; ours unless given */
  readonly defaultPools?: readonly DefaultPool[];
  /** networks that do not say have IPv6 where the host has it; default: they have not */
  readonly hasIpv6ByDefault?: boolean;
}

const EPHEMERAL_FALLBACK = [32_768, 60_999] as const;

/**
 * Networks, sandboxes (a container's network name space) and endpoints.
 *
 * Life cycle: construct, {@link restore} once before anything else that touches the host, {@link shutdown} at the end.
 * The kernel's state follows from the database and is put back when others remove it. See docs/design/networking.md.
 */
export class NetworkService {
  readonly #parts: NetworkParts;
  readonly #chores: BackgroundChores;
  readonly #lateLinks: LateLinks;
  readonly #attachment: Attachment;
  readonly #maker: NetworkMaker;
  readonly #foreign: ForeignAttachment;
  readonly #ownedDrivers: readonly (NetworkDriver & Disposable)[];
  /** for networks that users make, and for the one called `bridge` */
  readonly #pools: { readonly user: readonly DefaultPool[]; readonly bridge: readonly DefaultPool[] };
  readonly #hasIpv6ByDefault: boolean;
  readonly #ranges: RangeWatch;
  readonly #dns: NameService;

  constructor(deps: NetworkServiceDeps) {
    const { db, events, logger, resolveContainerName } = deps;
    const { publishing = OPEN_POLICY } = deps;
    const names = new InstanceNames(deps.instance);
    const networks = new NetworkRegistry({ db, events });
    const endpoints = new EndpointRegistry({ db, events });
    const book = new PortBook({ hasIpv6: hostHasIpv6, ephemeralRange });
    const firewall: Firewall = new Firewall({
      table: names.table,
      bridgeGroup: names.bridgeGroup,
      mode: publishing.firewall,
      logger,
      onForeignChange: () => forwardWarning.check(),
      onRestored: () => this.#forgetEscapes(),
    });
    const list = (): readonly NftChain[] => firewall.chains();
    const forwardWarning = new ForwardWarning({ logger, bridge: names.defaultBridge, list });
    this.#pools = poolsOf(deps);
    this.#hasIpv6ByDefault = deps.hasIpv6ByDefault ?? false;
    const hostLinks = new HostLinks();
    this.#ownedDrivers = [
      new BridgeDriver({ names, logger, onLink: index => hostLinks.own(index) }),
      ...(['macvlan', 'ipvlan'] as const).map(
        kind => new LanDriver({ kind, names, networks: () => networks.list() }),
      ),
    ];
    this.#chores = new BackgroundChores(logger);
    const ipam = openIpam(networks, endpoints, resolveContainerName);
    this.#parts = {
      names,
      networks,
      endpoints,
      ipam,
      ...openDrivers(deps, this.#ownedDrivers, ipam),
      busy: new Set(),
      hostLinks,
      firewall,
      conntrack: new Conntrack(),
      publisher: new PortPublisher({ book, logger, isServingAll: publishing.firewall === 'host' }),
      publishing,
      faults: deps.faults ?? noFaults,
      sandboxes: new Sandboxes(join(deps.runDir, 'netns')),
      forwardWarning,
      events,
      logger,
      resolveContainerName,
    };
    this.#lateLinks = new LateLinks(error => logger.warn('cannot delete left-over links', { error }));
    this.#attachment = new Attachment(this.#parts, this.#chores, this.#lateLinks);
    this.#foreign = new ForeignAttachment(this.#parts, this.#attachment);
    this.#ranges = this.#watchRanges();
    this.#maker = this.#openMaker();
    this.#dns = new NameService({
      ...this.#parts,
      dnsServersOf: deps.dnsServersOf ?? (() => []),
      ...(deps.hostStub && { hostStub: deps.hostStub }),
    });
  }

  #openMaker(): NetworkMaker {
    return new NetworkMaker({
      parts: this.#parts,
      chores: this.#chores,
      pools: this.#pools.user,
      hasIpv6ByDefault: () => this.#hasIpv6ByDefault && hostHasIpv6(),
    });
  }

  /** What got out of internal networks while our rules were away would go on: established connections are not asked again. */
  #forgetEscapes(): void {
    const { conntrack, endpoints, networks } = this.#parts;
    const internal = networks.list().filter(({ isInternal }) => isInternal);
    for (const endpoint of internal.flatMap(({ id }) => endpoints.onNetwork(id))) {
      this.#chores.run('forgetting connections', () => forgetFlows(conntrack, [endpoint], 'released'));
    }
  }

  #watchRanges(): RangeWatch {
    const { logger, networks } = this.#parts;
    return new RangeWatch({
      logger,
      networks: () => networks.list(),
      hostRanges: () => hostRanges(this.#parts),
      freeRange: like => freeRange(like, { pools: this.#pools.user, taken: takenSubnets(this.#parts) }),
    });
  }

  /** In the order they were made. */
  list(): Network[] {
    return this.#parts.networks.list();
  }

  /** By name, ID, or unique ID prefix. @throws `notFound` `network X not found`. */
  get(reference: string): Network {
    return this.#parts.networks.get(reference);
  }

  find(reference: string): Network | undefined {
    return this.#parts.networks.find(reference);
  }

  /** @throws `conflict` for a name in use, `forbidden` for a range in use, `invalid`, `notFound` for the driver. */
  async create(options: NetworkCreateOptions, { signal }: Abortable = {}): Promise<Network> {
    throwIfAborted(signal);
    const network = await this.#maker.create(options);
    this.#dns.setNetwork(network);
    return network;
  }

  /** @throws `notFound`; `forbidden` for a predefined network, and while containers are on it. */
  async remove(reference: string, { signal }: Abortable = {}): Promise<void> {
    throwIfAborted(signal);
    const network = await this.#maker.remove(reference);
    this.#dns.removeNetwork(network.id);
  }

  /** How many addresses of each subnet are taken, and can be handed out. */
  addressUse(networkId: string): SubnetUse[] {
    return this.#parts.ipam.use(networkId);
  }

  /** Judges what a container asks for on a network that it will be on later. Takes nothing. @throws as {@link attach}. */
  check(request: EndpointRequest): void {
    checkEndpoint(this.#parts.networks.get(request.network), request);
  }

  /** Endpoints of running containers on one network. */
  endpointsOn(networkId: string): Endpoint[] {
    return this.#parts.endpoints.onNetwork(networkId);
  }

  /** Endpoints a container has now, in the order they were attached. */
  endpointsOf(containerId: string): Endpoint[] {
    return [...this.#parts.endpoints.ofContainer(containerId)];
  }

  /** The endpoint with the default route, which carries the published ports. */
  gatewayOf(containerId: string): Endpoint | undefined {
    return this.#parts.endpoints.ofContainer(containerId).find(endpoint => endpoint.isGateway);
  }

  /**
   * Makes a network name space bound to a file, with `lo` up. Idempotent.
   * @returns the file's path (`…/netns/<id>`), to give to the runtime.
   */
  createSandbox(owner: SandboxOwner): string {
    return this.#parts.sandboxes.create(owner.containerId);
  }

  /** Where {@link createSandbox} puts it, made or not. */
  sandboxPath(containerId: string): string {
    return this.#parts.sandboxes.path(containerId);
  }

  /**
   * Attaches the sandbox of a container to networks, in one go: addresses, links, routes, and published ports
   * (on the endpoint with the default gateway). All or nothing. Ports are left alone when the container has
   * published ports already, so that a later call may repeat them.
   *
   * @returns the new endpoints, in the order of the requests.
   * @throws `conflict` for an address or port in use (naming who has it), `notFound`, `invalid`, `forbidden` for a
   * network the container is on.
   */
  async attach(
    owner: SandboxOwner,
    endpoints: readonly EndpointRequest[],
    ports: readonly PortRequest[],
    { signal }: Abortable = {},
  ): Promise<Endpoint[]> {
    throwIfAborted(signal);
    const attached = await this.#foreign.around(owner, endpoints, ports, prepared =>
      this.#namingConflicts(owner, () => this.#attachment.attach(owner, endpoints, ports, prepared)),
    );
    this.#dns.update(owner.containerId);
    await this.#dns.ready(owner.containerId);
    return attached;
  }

  /**
   * Gives a container that runs exactly these published ports; what it keeps is not disturbed. Idempotent, all or
   * nothing. Does nothing when none of its networks leads out.
   *
   * @throws `conflict` for a port in use (naming who has it), `invalid`.
   */
  async setPorts(owner: SandboxOwner, ports: readonly PortRequest[]): Promise<void> {
    await this.#namingConflicts(owner, () =>
      changePorts(this.#parts, this.#chores, owner.containerId, ports),
    );
  }

  /** Detaches one network from a running container. @throws `notFound`; `forbidden` when it is not on it. */
  async detach(containerId: string, network: string): Promise<void> {
    const detached = this.#attachment.detach(containerId, this.#parts.networks.get(network));
    this.#dns.update(containerId); // the names go before the links do
    await detached;
  }

  /**
   * Releases everything a container holds: ports and addresses at once, and its name space as soon as its last
   * process ends. Idempotent, happy to find nothing, never throws.
   */
  release(containerId: string): void {
    this.#attachment.release(containerId);
    this.#dns.remove(containerId);
  }

  /** A container has another name from now on. */
  rename({ containerId, containerName }: Pick<SandboxOwner, 'containerId' | 'containerName'>): void {
    const { endpoints } = this.#parts;
    const renamed = endpoints
      .ofContainer(containerId)
      .map(endpoint => renameEndpoint(endpoint, containerName));
    if (renamed.length === 0) return;
    endpoints.save(renamed);
    this.#dns.update(containerId);
  }

  /** At start-up: re-asserts links and rules of `running`, releases what belongs to anyone else. */
  async restore(running: ReadonlySet<string>): Promise<void> {
    await restoreNetworks(this.#parts, running, { pools: this.#pools.bridge, chores: this.#chores });
    this.#forgetEscapes();
    this.#ranges.start();
    this.#restoreNames();
    await this.#dns.restore();
  }

  /** A container may have been renamed just before the engine ended. */
  #restoreNames(): void {
    const { endpoints, resolveContainerName } = this.#parts;
    for (const containerId of endpoints.containers()) {
      const containerName = resolveContainerName(containerId);
      if (containerName !== undefined) this.rename({ containerId, containerName });
    }
  }

  /**
   * Lets the host's ports go. With no container left on a bridge, also removes our rules and bridges; otherwise they
   * stay, and published ports go on working without the engine.
   */
  async shutdown(): Promise<void> {
    const { drivers, endpoints, firewall, networks } = this.#parts;
    await this.#dns.close();
    await this.#chores.settle();
    await this.#lateLinks.settle();
    const isInUse = endpoints.list().some(endpoint => endpoint.interfaceName !== '');
    if (!isInUse) {
      firewall.withdraw();
      for (const network of networks.list()) await drivers.of(network).removeNetwork(network, []);
    }
    this.abandon();
  }

  async #namingConflicts<T>(owner: SandboxOwner, work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof PortRefused)) throw error;
      const address = error.endpoint.ipv4?.address ?? `[${error.endpoint.ipv6?.address ?? ''}]`;
      throw await describeConflict(error.conflict, {
        containerName: owner.containerName,
        endpointId: error.endpoint.id,
        target: `${address}:${error.conflict.port.containerPort}`,
        nameOf: this.#parts.resolveContainerName,
      });
    }
  }

  /** Lets go of every descriptor and changes nothing on the host: what the end of the process does. Ports close. */
  abandon(): void {
    const { conntrack, firewall, foreign, hostLinks, publisher } = this.#parts;
    this.#dns.abandon();
    this.#ranges[Symbol.dispose]();
    publisher.releaseAll();
    conntrack[Symbol.dispose]();
    firewall[Symbol.dispose]();
    hostLinks[Symbol.dispose]();
    foreign[Symbol.dispose]();
    for (const driver of this.#ownedDrivers) driver[Symbol.dispose]();
  }
}

/** IPv6 comes from a range of this engine's own, unless the pools have some. */
function poolsOf({ db, defaultPools }: Pick<NetworkServiceDeps, 'db' | 'defaultPools'>): {
  readonly user: readonly DefaultPool[];
  readonly bridge: readonly DefaultPool[];
} {
  const user = defaultPools ?? DEFAULT_POOLS;
  const hasIpv6 = user.some(({ base }) => base.includes(':'));
  return {
    user: hasIpv6 ? user : [...user, { base: ulaPrefix(db), size: 64 }],
    bridge: defaultPools ?? BRIDGE_POOLS,
  };
}

/** Drivers of our own, and those of plugins. */
function openDrivers(
  { db, logger, plugins = new Plugins({ logger }), pluginTimeoutMs = PLUGIN_CALL_MS }: NetworkServiceDeps,
  own: readonly NetworkDriver[],
  ipam: Ipam,
): Pick<NetworkParts, 'drivers' | 'foreign' | 'foreignIpam'> {
  const builtIn = [...own, plainDriver('host'), plainDriver('null')];
  const drivers = new DriverTable(builtIn, plugins, pluginTimeoutMs);
  const foreignIpam = new ForeignIpam(plugins, pluginTimeoutMs);
  const owed = new OwedCalls({ table: new OwedCallTable(db), plugins, timeoutMs: pluginTimeoutMs, logger });
  return { drivers, foreignIpam, foreign: new ForeignEndpoints({ drivers, ipam, foreignIpam, owed }) };
}

function openIpam(
  networks: NetworkRegistry,
  endpoints: EndpointRegistry,
  nameOf: (containerId: string) => string | undefined,
): Ipam {
  const ipam = new Ipam((networkId, address) => {
    const holder = endpoints
      .onNetwork(networkId)
      .find(endpoint => endpoint.ipv4?.address === address || endpoint.ipv6?.address === address);
    return holder && `container ${nameOf(holder.containerId) ?? holder.containerId.slice(0, 12)}`;
  });
  for (const network of networks.list()) {
    if (!network.isConfigOnly && !hasForeignIpam(network.ipam.driver)) ipam.open(network);
  }
  for (const endpoint of endpoints.list()) {
    for (const address of [endpoint.ipv4, endpoint.ipv6]) {
      if (address) ipam.occupy(endpoint.networkId, address.address);
    }
  }
  return ipam;
}

/** The file is missing without IPv6 in the kernel, and empty when no interface may have it. It has a line for each address. */
function hostHasIpv6(): boolean {
  try {
    using file = new OwnedFd(openSync('/proc/net/if_inet6', 'r'));
    return readSync(file.number, Buffer.alloc(1)) > 0;
  } catch {
    return false;
  }
}

function ephemeralRange(): readonly [number, number] {
  const [first, last] = (readSysctl('net/ipv4/ip_local_port_range') ?? '').split(/\s+/).map(Number);
  return first && last && first <= last ? [first, last] : EPHEMERAL_FALLBACK;
}
