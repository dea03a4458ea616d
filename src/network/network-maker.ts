import type { BackgroundChores } from './background-chores.ts';
import { configInUse, planConfigNetwork, withConfigFrom } from './config-network.ts';
import { networkInUse, networkNameTaken, predefinedNotPermitted, predefinedNotRemovable } from './errors.ts';
import type { NetworkCreateOptions } from './network.ts';
import type { NetworkParts } from './network-parts.ts';
import { planNetwork } from './network-plan.ts';
import { PREDEFINED } from './network-registry.ts';
import { takenSubnets } from './network-restore.ts';
import type { NetworkRecord } from './network-table.ts';
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
    const options = withConfigFrom(request, name => networks.find(name));
    const driver = drivers.get(options.driver || 'bridge');
    const network = planNetwork(options, {
      driver,
      pools: this.#deps.pools,
      taken: takenSubnets(this.#parts),
      hasIpv6ByDefault: this.#deps.hasIpv6ByDefault(),
    });
    using undo = new DisposableStack();
    const rules = driver.firewallNetwork(network);
    if (rules) firewall.setNetwork(network.id, rules);
    undo.defer(() => firewall.remove([network.id]));
    undo.defer(() =>
      this.#chores.run('removing what a network had', () => driver.removeNetwork(network, networks.list())),
    );
    driver.ensureNetwork(network);
    faults.reach('network-create.1-made');
    networks.insert(network);
    faults.reach('network-create.2-row');
    undo.move();
    ipam.open(network);
    return network;
  }

  /** @throws `notFound`; `forbidden` for a predefined network, and while anything uses it. */
  async remove(reference: string): Promise<NetworkRecord> {
    const { drivers, endpoints, faults, firewall, ipam, networks, resolveContainerName } = this.#parts;
    const network = networks.get(reference);
    if (PREDEFINED.has(network.name)) throw predefinedNotRemovable(network.name);
    const users = endpoints.onNetwork(network.id).map(endpoint => ({
      name: resolveContainerName(endpoint.containerId) ?? endpoint.containerId,
      endpointId: endpoint.id,
    }));
    if (users.length > 0) throw networkInUse(network, users);
    const isLent = network.isConfigOnly && networks.list().some(other => other.configFrom === network.name);
    if (isLent) throw configInUse(network.name);
    networks.delete(network); // point of no return
    faults.reach('network-remove.1-row');
    ipam.close(network.id);
    firewall.remove([network.id]);
    faults.reach('network-remove.2-rules');
    if (!network.isConfigOnly) await drivers.of(network).removeNetwork(network, networks.list());
    return network;
  }
}
