import type { Attachment } from './attachment.ts';
import type { PreparedEndpoint } from './drivers/foreign-endpoints.ts';
import type { EndpointRecord } from './endpoint-table.ts';
import { networkBusy } from './errors.ts';
import type { EndpointRequest, PortRequest, SandboxOwner } from './network.ts';
import type { NetworkParts } from './network-parts.ts';

/** Attaching to networks that plugins have a part in: theirs waits, and is arranged around ours, which does not. */
export class ForeignAttachment {
  readonly #parts: NetworkParts;
  readonly #attachment: Attachment;
  /** network → attachments under way */
  readonly #users = new Map<string, number>();

  constructor(parts: NetworkParts, attachment: Attachment) {
    this.#parts = parts;
    this.#attachment = attachment;
  }

  /** @param attach our own part, given what plugins decided @throws what a plugin's call throws; all is undone then. */
  async around(
    owner: SandboxOwner,
    requests: readonly EndpointRequest[],
    ports: readonly PortRequest[],
    attach: (prepared: readonly PreparedEndpoint[]) => Promise<EndpointRecord[]>,
  ): Promise<EndpointRecord[]> {
    const { endpoints, foreign, ipam, networks, sandboxes } = this.#parts;
    const isEndpoint = (id: string): boolean =>
      endpoints.ofContainer(owner.containerId).some(endpoint => endpoint.id === id);
    await using undo = new AsyncDisposableStack();
    const prepared: PreparedEndpoint[] = [];
    for (const request of requests) {
      const network = networks.get(request.network);
      const isThere = endpoints.ofContainer(owner.containerId).some(each => each.networkId === network.id);
      if (network.isConfigOnly || isThere || !foreign.concerns(network)) continue;
      undo.use(this.#keep(network));
      const one = await foreign.prepare(network, request, sandboxes.path(owner.containerId));
      prepared.push(one);
      undo.defer(async () => {
        if (isEndpoint(one.id)) return; // its end is that of the endpoint
        await foreign.end(network, one);
        for (const each of [one.ipv4, one.ipv6]) if (each) ipam.release(network.id, each.address);
      });
    }
    const attached = await attach(prepared);
    await this.#publish(owner, attached, ports);
    return attached;
  }

  async #publish(
    owner: SandboxOwner,
    attached: readonly EndpointRecord[],
    ports: readonly PortRequest[],
  ): Promise<void> {
    const { endpoints, foreign, networks } = this.#parts;
    const gateway = attached.find(endpoint => endpoint.isGateway && endpoint.foreign);
    if (!gateway || ports.length === 0) return;
    try {
      await foreign.publish(networks.get(gateway.networkId), gateway.id, ports);
      endpoints.save([{ ...gateway, foreign: { ...gateway.foreign, isPublished: true } }]);
    } catch (error) {
      for (const { networkId } of attached) {
        await this.#attachment.detach(owner.containerId, networks.get(networkId));
      }
      throw error;
    }
  }

  /** Keeps a network from being removed meanwhile. */
  #keep({ id, name }: { readonly id: string; readonly name: string }): Disposable {
    const { busy } = this.#parts;
    const users = this.#users;
    if (busy.has(id) && !users.has(id)) throw networkBusy(name);
    busy.add(id);
    users.set(id, (users.get(id) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (users.get(id) ?? 1) - 1;
        if (left > 0) {
          users.set(id, left);
          return;
        }
        users.delete(id);
        busy.delete(id);
      },
    };
  }
}
