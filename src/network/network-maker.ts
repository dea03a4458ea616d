import type { BackgroundChores } from './background-chores.ts';
import { configInUse, planConfigNetwork, withConfigFrom } from './config-network.ts';
import { hasForeignIpam } from './drivers/foreign-ipam.ts';
import { RemoteDriver } from './drivers/remote-driver.ts';
import {
  bridgeTaken,
  networkBusy,
  networkInUse,
  networkNameTaken,
  predefinedNotPermitted,
  predefinedNotRemovable,
} from './errors.ts';
import type { NetworkCreateOptions } from './network.ts';
import type { NetworkParts } from './network-parts.ts';
import { planNetwork } from './network-plan.ts';
import { PREDEFINED } from './network-registry.ts';
import { rangesOf, takenSubnets } from './network-restore.ts';
import type { NetworkRecord } from './network-table.ts';
import { lockRanges } from './range-lock.ts';
import type { DefaultPool } from './subnet-choice.ts';

export interface NetworkMakerDeps {
  readonly parts: NetworkParts;
  readonly chores: BackgroundChores;
  readonly pools: readonly DefaultPool[];
  readonly hasIpv6ByDefault: () => boolean;
}

/** Makes networks and removes them. Links and rules come before the row and go after it; the sweep finds the rest. */
export class NetworkMaker {
  readonly #deps: NetworkMakerDeps;
  readonly #parts: NetworkParts;
  readonly #chores: BackgroundChores;
  /** of networks that are being made */
  readonly #names = new Set<string>();
  readonly #planned: NetworkRecord[] = [];

  constructor(deps: NetworkMakerDeps) {
    this.#deps = deps;
    this.#parts = deps.parts;
    this.#chores = deps.chores;
  }

  /** @throws `conflict` for a name in use, `forbidden` for a range in use, `invalid`, `notFound` for the driver. */
  async create(request: NetworkCreateOptions): Promise<NetworkRecord> {
    const { drivers, faults, firewall, ipam, networks } = this.#parts;
    if (PREDEFINED.has(request.name)) throw predefinedNotPermitted(request.name);
    if (networks.hasName(request.name)) throw networkNameTaken(request.name);
    if (request.isConfigOnly) {
      const network = planConfigNetwork(request);
      networks.insert(network);
      return network;
    }
    using _name = this.#take(request.name);
    const options = withConfigFrom(request, name => networks.find(name));
    const driver = await drivers.get(options.driver || 'bridge');
    await using undo = new AsyncDisposableStack();
    const wish = await this.#withPools(options, undo);
    // Until the bridge has its address; a plugin has none on this host, and takes its time.
    using _lock = driver instanceof RemoteDriver ? undefined : await lockRanges();
    const network = planNetwork(wish, {
      driver,
      pools: this.#deps.pools,
      taken: [...takenSubnets(this.#parts), ...this.#planned.flatMap(rangesOf)],
      hasIpv6ByDefault: this.#deps.hasIpv6ByDefault(),
    });
    this.#requireOwnBridge(network);
    if (driver instanceof RemoteDriver) {
      this.#planned.push(network);
      undo.defer(() => void this.#planned.splice(this.#planned.indexOf(network), 1));
    }
    undo.defer(() =>
      this.#chores.run('removing what a network had', () => driver.removeNetwork(network, [network])),
    );
    if (driver instanceof RemoteDriver) await driver.announceNetwork(network);
    const rules = driver.firewallNetwork(network);
    if (rules) firewall.setNetwork(network.id, rules);
    undo.defer(() => firewall.remove([network.id]));
    driver.ensureNetwork(network);
    faults.reach('network-create.1-made');
    networks.insert(network);
    faults.reach('network-create.2-row');
    undo.move();
    if (driver instanceof RemoteDriver) this.#planned.splice(this.#planned.indexOf(network), 1);
    if (!hasForeignIpam(network.ipam.driver)) ipam.open(network);
    return network;
  }

  /** @throws `notFound`; `forbidden` for a predefined network, and while anything uses it. */
  async remove(reference: string): Promise<NetworkRecord> {
    const { drivers, endpoints, faults, firewall, foreign, ipam, networks, resolveContainerName } =
      this.#parts;
    const network = networks.get(reference);
    if (PREDEFINED.has(network.name)) throw predefinedNotRemovable(network.name);
    const users = endpoints.onNetwork(network.id).map(endpoint => ({
      name: resolveContainerName(endpoint.containerId) ?? endpoint.containerId,
      endpointId: endpoint.id,
    }));
    if (users.length > 0) throw networkInUse(network, users);
    if (this.#parts.busy.has(network.id)) throw networkBusy(network.name);
    const isLent = network.isConfigOnly && networks.list().some(other => other.configFrom === network.name);
    if (isLent) throw configInUse(network.name);
    const driver = drivers.of(network);
    // A plugin may refuse, or be away: then the network stays, so that it can be tried again.
    if (driver instanceof RemoteDriver) {
      await this.#whileBusy(network, async () => {
        await foreign.settle(network);
        await driver.removeNetwork(network, [network]);
      });
    }
    networks.delete(network, () => foreign.oweRanges(network)); // point of no return
    faults.reach('network-remove.1-row');
    ipam.close(network.id);
    firewall.remove([network.id]);
    faults.reach('network-remove.2-rules');
    if (!network.isConfigOnly && !(driver instanceof RemoteDriver)) {
      await driver.removeNetwork(network, networks.list());
    }
    this.#chores.run('giving ranges back', () => foreign.settle(network));
    return network;
  }

  /** What is removed of one network, rules and bridge, would be missing from the other. */
  #requireOwnBridge(network: NetworkRecord): void {
    if (network.driver !== 'bridge') return;
    const { drivers, networks } = this.#parts;
    const bridges = drivers.of(network).linksOf(network);
    for (const other of networks.list()) {
      if (other.driver !== 'bridge' || other.isConfigOnly) continue;
      const shared = drivers
        .of(other)
        .linksOf(other)
        .find(name => bridges.includes(name));
      if (shared !== undefined) throw bridgeTaken(network.id, other.id, shared);
    }
  }

  /** Ranges of an IPAM plugin's. */
  async #withPools(options: NetworkCreateOptions, undo: AsyncDisposableStack): Promise<NetworkCreateOptions> {
    const { ipamDriver } = options;
    if (!hasForeignIpam(ipamDriver)) return options;
    const { foreignIpam } = this.#parts;
    const pools = await foreignIpam.requestPools(ipamDriver, options);
    undo.defer(() =>
      this.#chores.run('giving ranges back', () => foreignIpam.releasePools(ipamDriver, pools)),
    );
    const hasIpv4 = pools.some(({ subnet }) => !subnet.includes(':'));
    return { ...options, pools, hasIpv4, hasIpv6: pools.some(({ subnet }) => subnet.includes(':')) };
  }

  /** A name is somebody's while plugins are asked. */
  #take(name: string): Disposable {
    if (this.#names.has(name)) throw networkNameTaken(name);
    this.#names.add(name);
    return { [Symbol.dispose]: () => void this.#names.delete(name) };
  }

  async #whileBusy(network: NetworkRecord, work: () => Promise<void>): Promise<void> {
    const { busy } = this.#parts;
    if (busy.has(network.id)) throw networkBusy(network.name);
    busy.add(network.id);
    try {
      await work();
    } finally {
      busy.delete(network.id);
    }
  }
}
