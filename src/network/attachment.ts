import { messageOf } from '#base/errors';
import type { BackgroundChores } from './background-chores.ts';
import { requireJoinable } from './config-network.ts';
import type { PreparedEndpoint } from './drivers/foreign-endpoints.ts';
import type { NetworkDriver } from './drivers/network-driver.ts';
import { planEndpoint } from './endpoint-plan.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import { addressInUse, endpointExists, notConnected } from './errors.ts';
import { chooseGateway } from './gateway-choice.ts';
import type { AssignedAddress } from './ipam.ts';
import type { LateLinks } from './late-links.ts';
import type { EndpointRequest, PortRequest, SandboxOwner } from './network.ts';
import { firewallEndpoints, type NetworkParts } from './network-parts.ts';
import type { NetworkRecord } from './network-table.ts';
import { PortConflict, type Reservation } from './port-book.ts';
import { PortRefused } from './port-refused.ts';
import { openPortsOf, takeOptions } from './published.ts';
import { setDefaultRoute } from './sandbox-interface.ts';
import { type FlowChange, forgetFlows } from './tracked-flows.ts';

/** What an attachment changes, decided before anything is touched but addresses and ports. */
interface Plan {
  readonly owner: SandboxOwner;
  /** new endpoints, as they will be */
  readonly added: readonly EndpointRecord[];
  /** the endpoint that was the gateway, and is not any more or gets ports */
  readonly changed: readonly EndpointRecord[];
  /** `changed` as they were */
  readonly before: readonly EndpointRecord[];
  readonly gateway: EndpointRecord | undefined;
  readonly previous: EndpointRecord | undefined;
  readonly reservations: readonly Reservation[];
}

/**
 * Puts containers on networks and takes them off. Everything here is synchronous, so that nothing comes in between;
 * the kernel needs about a millisecond for an endpoint.
 */
export class Attachment {
  readonly #parts: NetworkParts;
  readonly #chores: BackgroundChores;
  readonly #lateLinks: LateLinks;

  constructor(parts: NetworkParts, chores: BackgroundChores, lateLinks: LateLinks) {
    this.#parts = parts;
    this.#chores = chores;
    this.#lateLinks = lateLinks;
  }

  /**
   * All or nothing. Order: addresses and ports (which a crash frees), rows, rules, links. A crash after the rows leaves
   * endpoints of a container that does not run, which the next start releases.
   *
   * @throws {PortRefused}, {EngineError}, {SysError}
   */
  attach(
    owner: SandboxOwner,
    requests: readonly EndpointRequest[],
    ports: readonly PortRequest[],
    prepared: readonly PreparedEndpoint[] = [],
  ): EndpointRecord[] {
    using undo = new DisposableStack();
    const plan = this.#plan(owner, requests, ports, { undo, prepared });
    const touched = [...plan.changed, ...plan.added];
    const { faults } = this.#parts;
    this.#saveRows(plan, { undo, prepared });
    faults.reach('connect.1-rows');
    this.#setRules(plan, undo);
    faults.reach('connect.2-rules');
    this.#plugIn(plan, undo);
    faults.reach('connect.3-plugged');
    this.#servePorts(plan);
    undo.move(); // point of no return
    for (const endpoint of plan.added) {
      this.#parts.endpoints.emit('connect', endpoint, this.#parts.networks.get(endpoint.networkId));
    }
    this.#forgetFlows(touched, 'published');
    return [...plan.added];
  }

  /** Takes a running container off one network. Its ports move to the next gateway, or close. */
  async detach(containerId: string, network: NetworkRecord): Promise<void> {
    const { drivers, endpoints, firewall, publisher, sandboxes } = this.#parts;
    const gone = endpoints.ofContainer(containerId).find(endpoint => endpoint.networkId === network.id);
    if (!gone) throw notConnected(containerId, network.name);
    const rest = endpoints.ofContainer(containerId).filter(endpoint => endpoint !== gone);
    const next = gone.isGateway ? chooseGateway(rest) : undefined;
    const { ports, openPorts } = gone;
    const heir = next && { ...next, isGateway: true, ports, ...(openPorts && { openPorts }) };
    endpoints.delete([gone], () => this.#parts.foreign.owe(network, gone));
    if (heir) endpoints.save([heir]);
    this.#parts.faults.reach('disconnect.1-row');
    endpoints.emit('disconnect', gone, network);
    firewall.remove([gone.id]);
    if (heir) {
      publisher.move(gone.id, heir.id, heir);
      firewall.setEndpoints(firewallEndpoints([heir], this.#parts));
      this.#allowLoopback(heir);
    } else publisher.release(gone.id);
    this.#freeAddresses(gone);
    if (gone.interfaceName === '') return;
    const driver = drivers.of(network);
    const netns = sandboxes.path(containerId);
    driver.cutOff([gone], netns);
    this.#parts.faults.reach('disconnect.2-rules');
    await driver.unplug(gone, netns);
    this.#parts.faults.reach('disconnect.3-unplugged');
    if (heir && sandboxes.exists(containerId)) setDefaultRoute(heir, netns);
    this.#forgetFlows([gone], 'released');
    if (gone.foreign) await this.#parts.foreign.settle(network);
    if (heir) this.#forgetFlows([heir], 'published');
  }

  /** Frees everything a container holds. Never throws: what cannot be undone is logged, and swept at the next start. */
  release(containerId: string): void {
    const { endpoints, firewall, foreign, networks, publisher, sandboxes } = this.#parts;
    const gone = endpoints.ofContainer(containerId);
    const ids = gone.map(endpoint => endpoint.id);
    for (const id of ids) this.#attempt('closing ports', () => publisher.release(id));
    this.#attempt('cutting off links', () => this.#cutOff(gone, sandboxes.path(containerId)));
    this.#attempt('removing rules', () => firewall.remove(ids));
    this.#attempt('deleting endpoints', () =>
      endpoints.delete(gone, () => {
        for (const endpoint of gone) foreign.owe(networks.get(endpoint.networkId), endpoint);
      }),
    );
    for (const endpoint of gone) {
      this.#freeAddresses(endpoint);
      endpoints.emit('disconnect', endpoint, networks.get(endpoint.networkId));
    }
    this.#attempt('removing network name space', () => sandboxes.remove(containerId));
    const plugged = gone.filter(endpoint => endpoint.interfaceName !== '');
    this.#lateLinks.add(plugged.map(endpoint => this.#parts.names.veth(endpoint.id)));
    this.#forgetFlows(gone, 'released');
    for (const endpoint of gone.filter(each => each.foreign)) {
      const network = networks.get(endpoint.networkId);
      this.#chores.run('ending a plugin’s endpoint', () => foreign.settle(network));
    }
  }

  #plan(
    owner: SandboxOwner,
    requests: readonly EndpointRequest[],
    ports: readonly PortRequest[],
    { undo, prepared }: { readonly undo: DisposableStack; readonly prepared: readonly PreparedEndpoint[] },
  ): Plan {
    const current = this.#parts.endpoints.ofContainer(owner.containerId);
    const planned: EndpointRecord[] = [];
    for (const request of requests) {
      const others = [...current, ...planned];
      planned.push(this.#planOne(owner, request, { others, undo, prepared }));
    }
    const gateway = chooseGateway([...current, ...planned]);
    const previous = current.find(endpoint => endpoint.isGateway);
    const reservations = gateway && !previous?.ports.length ? this.#reserve(gateway, ports, undo) : [];
    const published = previous?.ports.length ? previous.ports : reservations.flatMap(one => one.ports);
    const open =
      previous?.openPorts ??
      (gateway && openPortsOf(this.#at(gateway).driver.publishing(this.#at(gateway).network), ports));
    const crowned = gateway && {
      ...gateway,
      isGateway: true,
      ports: published,
      ...(open && { openPorts: open }),
    };
    const isMoved = previous && previous.id !== gateway?.id;
    const changed = current.flatMap(endpoint => {
      if (endpoint.id === crowned?.id) return reservations.length > 0 || isMoved ? [crowned] : [];
      return isMoved && endpoint.id === previous.id ? [withoutPorts(endpoint)] : [];
    });
    const added = planned.map(endpoint => (endpoint.id === crowned?.id ? crowned : endpoint));
    const before = current.filter(endpoint => changed.some(other => other.id === endpoint.id));
    return { owner, added, changed, before, gateway: crowned, previous, reservations };
  }

  #planOne(
    owner: SandboxOwner,
    request: EndpointRequest,
    {
      others,
      undo,
      prepared,
    }: {
      readonly others: readonly EndpointRecord[];
      readonly undo: DisposableStack;
      readonly prepared: readonly PreparedEndpoint[];
    },
  ): EndpointRecord {
    const { drivers, ipam } = this.#parts;
    const network = this.#parts.networks.get(request.network);
    requireJoinable(network);
    const driver = drivers.of(network);
    if (others.some(endpoint => endpoint.networkId === network.id)) {
      throw endpointExists(owner.containerName, network.name);
    }
    const assign = (family: 4 | 6, asked: string | undefined): AssignedAddress | undefined => {
      if (!driver.hasInterfaces) return undefined;
      const assigned = ipam.assign(network, family, asked);
      if (assigned) undo.defer(() => ipam.release(network.id, assigned.address));
      return assigned;
    };
    const theirs = prepared.find(each => each.networkId === network.id);
    const ipv4 = theirs ? theirs.ipv4 : assign(4, request.ipv4Address);
    const ipv6 = theirs ? theirs.ipv6 : assign(6, request.ipv6Address);
    const usedNames = new Set(others.map(endpoint => endpoint.interfaceName));
    const planned = planEndpoint(owner, request, {
      network,
      driver,
      ipv4,
      ipv6,
      usedNames,
      prepared: theirs,
    });
    this.#refuseTaken(planned);
    return planned;
  }

  #refuseTaken({ linkLocal = [], networkId }: EndpointRecord): void {
    if (linkLocal.length === 0) return;
    for (const other of this.#parts.endpoints.onNetwork(networkId)) {
      const taken = linkLocal.find(address => other.linkLocal?.includes(address));
      if (taken === undefined) continue;
      throw addressInUse(
        taken,
        `container ${this.#parts.resolveContainerName(other.containerId) ?? other.containerId}`,
      );
    }
  }

  #reserve(gateway: EndpointRecord, ports: readonly PortRequest[], undo: DisposableStack): Reservation[] {
    const { publisher } = this.#parts;
    try {
      const reservations = publisher.reserve(gateway.containerId, ports, takeOptions(this.#parts, gateway));
      undo.defer(() => publisher.cancel(reservations));
      return reservations;
    } catch (error) {
      if (error instanceof PortConflict) throw new PortRefused(error, gateway);
      throw error;
    }
  }

  #saveRows(
    { added, changed, before }: Plan,
    { undo, prepared }: { readonly undo: DisposableStack; readonly prepared: readonly PreparedEndpoint[] },
  ): void {
    const { endpoints, foreign } = this.#parts;
    endpoints.save([...changed, ...added], () => foreign.keep(prepared));
    undo.defer(() => {
      endpoints.delete(added);
      endpoints.save(before);
    });
  }

  #setRules({ added, changed, before }: Plan, undo: DisposableStack): void {
    const { firewall } = this.#parts;
    const rules = firewallEndpoints([...changed, ...added], this.#parts);
    if (rules.size === 0) return;
    firewall.setEndpoints(rules);
    undo.defer(() => {
      firewall.remove(added.map(endpoint => endpoint.id));
      firewall.setEndpoints(firewallEndpoints(before, this.#parts));
    });
  }

  #plugIn(plan: Plan, undo: DisposableStack): void {
    const { sandboxes } = this.#parts;
    const interfaced = plan.added.filter(endpoint => endpoint.interfaceName !== '');
    if (interfaced.length === 0) return;
    const netns = sandboxes.create(plan.owner.containerId);
    const { previous, gateway } = plan;
    if (previous && previous.id !== gateway?.id) undo.defer(() => setDefaultRoute(previous, netns));
    for (const endpoint of interfaced) {
      const { driver, network } = this.#at(endpoint);
      undo.defer(() => {
        driver.cutOff([endpoint], netns);
        this.#chores.run('deleting links', () => driver.unplug(endpoint, netns));
      });
      if (driver.plug(endpoint, network, netns)) this.#replugOthers(driver, network);
    }
    if (gateway?.ports.length) this.#allowLoopback(gateway);
  }

  /** Somebody deleted the bridge: the containers that were on it come back to the new one. */
  #replugOthers(driver: NetworkDriver, network: NetworkRecord): void {
    const { endpoints, firewall, hostLinks } = this.#parts;
    firewall.setEndpoints(firewallEndpoints(endpoints.onNetwork(network.id), this.#parts));
    const present = new Map(hostLinks.list().map(link => [link.name, link]));
    for (const endpoint of endpoints.onNetwork(network.id)) {
      driver.replug(endpoint, network, present);
      if (endpoint.ports.length > 0) this.#allowLoopback(endpoint);
    }
  }

  #servePorts({ gateway, previous, reservations }: Plan): void {
    if (!gateway) return;
    const { publisher } = this.#parts;
    if (previous && previous.id !== gateway.id) publisher.move(previous.id, gateway.id, gateway);
    publisher.activate(gateway.id, reservations, gateway);
  }

  #allowLoopback(gateway: EndpointRecord): void {
    const { driver, network } = this.#at(gateway);
    if (gateway.ipv4) driver.allowLoopback(network);
  }

  #at(endpoint: EndpointRecord): { readonly driver: NetworkDriver; readonly network: NetworkRecord } {
    const network = this.#parts.networks.get(endpoint.networkId);
    return { driver: this.#parts.drivers.of(network), network };
  }

  #cutOff(endpoints: readonly EndpointRecord[], netns: string): void {
    const plugged = endpoints.filter(endpoint => endpoint.interfaceName !== '');
    for (const [driver, own] of Map.groupBy(plugged, endpoint => this.#at(endpoint).driver))
      driver.cutOff(own, netns);
  }

  #forgetFlows(endpoints: readonly EndpointRecord[], change: FlowChange): void {
    const plugged = endpoints.filter(endpoint => endpoint.interfaceName !== '');
    const concerned = change === 'released' ? plugged : plugged.filter(hasUdp);
    if (concerned.length === 0) return;
    this.#chores.run('forgetting connections', () => forgetFlows(this.#parts.conntrack, concerned, change));
  }

  #freeAddresses(endpoint: EndpointRecord): void {
    for (const address of [endpoint.ipv4, endpoint.ipv6]) {
      if (address) this.#parts.ipam.release(endpoint.networkId, address.address);
    }
  }

  #attempt(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#parts.logger.warn(`${what} failed`, { error: messageOf(error) });
    }
  }
}

function withoutPorts({ openPorts: _none, ...endpoint }: EndpointRecord): EndpointRecord {
  return { ...endpoint, isGateway: false, ports: [] };
}

function hasUdp({ ports }: EndpointRecord): boolean {
  return ports.some(({ protocol }) => protocol === 'udp');
}
