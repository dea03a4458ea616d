import type { BackgroundChores } from './background-chores.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import type { PortRequest, PublishedPort } from './network.ts';
import { firewallEndpoints, type NetworkParts } from './network-parts.ts';
import { PortConflict, type Reservation } from './port-book.ts';
import { PortRefused } from './port-refused.ts';
import { openPortsOf, takeOptions } from './published.ts';
import { forgetFlows } from './tracked-flows.ts';

/**
 * Gives a container that runs exactly the ports asked for: what it has and keeps is left alone, connections and all;
 * the rest closes, with its connections, or opens. All or nothing, and a second call changes nothing.
 *
 * @returns undefined when no network of the container's leads out.
 * @throws {PortRefused}, {EngineError}
 */
export function changePorts(
  parts: NetworkParts,
  chores: BackgroundChores,
  containerId: string,
  requests: readonly PortRequest[],
): EndpointRecord | undefined {
  const { drivers, endpoints, networks, publisher } = parts;
  const gateway = endpoints.ofContainer(containerId).find(endpoint => endpoint.isGateway);
  if (!gateway) return undefined;
  const network = networks.get(gateway.networkId);
  const driver = drivers.of(network);
  const options = takeOptions(parts, gateway);
  const { kept, gone, missing } = publisher.compare(gateway.id, requests, options);
  using undo = new DisposableStack();
  // A port that only leads elsewhere from now on is given up first: it cannot be had twice.
  const isExchange = missing.some(request => gone.some(reservation => mayCollide(reservation, request)));
  const giveUp = (): void => publisher.releaseSome(gateway.id, gone);
  if (isExchange) {
    giveUp();
    undo.defer(() => publisher.restore(containerId, gateway.id, portsOf(gone), gateway));
  }
  const fresh = reserve(parts, gateway, { missing, options });
  undo.defer(() => publisher.cancel(fresh));
  const { openPorts: _before, ...rest } = gateway;
  const open = openPortsOf(driver.publishing(network), requests);
  const changed = { ...rest, ports: portsOf([...kept, ...fresh]), ...(open && { openPorts: open }) };
  endpoints.save([changed]);
  undo.defer(() => endpoints.save([gateway]));
  parts.firewall.setEndpoints(firewallEndpoints([changed], parts));
  undo.move(); // point of no return
  if (!isExchange) giveUp();
  publisher.activate(changed.id, fresh, changed);
  if (changed.ipv4 && changed.ports.length > 0) driver.allowLoopback(network);
  chores.run('forgetting connections', async () => {
    await forgetFlows(parts.conntrack, [{ ...gateway, ports: portsOf(gone) }], 'closed');
    await forgetFlows(parts.conntrack, [{ ...changed, ports: portsOf(fresh) }], 'published');
  });
  return changed;
}

function reserve(
  { publisher }: NetworkParts,
  gateway: EndpointRecord,
  what: {
    readonly missing: readonly PortRequest[];
    readonly options: ReturnType<typeof takeOptions>;
  },
): Reservation[] {
  try {
    return publisher.reserve(gateway.containerId, what.missing, what.options);
  } catch (error) {
    if (error instanceof PortConflict) throw new PortRefused(error, gateway);
    throw error;
  }
}

function mayCollide(reservation: Reservation, request: PortRequest): boolean {
  return reservation.ports.some(
    port =>
      port.protocol === request.protocol &&
      port.hostPort >= request.hostPortFirst &&
      port.hostPort <= request.hostPortLast,
  );
}

function portsOf(reservations: readonly Reservation[]): PublishedPort[] {
  return reservations.flatMap(reservation => reservation.ports);
}
