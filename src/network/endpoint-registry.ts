import type { EventSink } from '#base/engine-event';
import type { Database } from '#store/database';
import { type EndpointRecord, EndpointTable } from './endpoint-table.ts';
import type { NetworkRecord } from './network-table.ts';

/** All endpoints, kept in memory as they are in the database. */
export class EndpointRegistry {
  readonly #table: EndpointTable;
  readonly #events: EventSink;
  readonly #byContainer = new Map<string, EndpointRecord[]>();
  readonly #byNetwork = new Map<string, Map<string, EndpointRecord>>();

  constructor({ db, events }: { readonly db: Database; readonly events: EventSink }) {
    this.#table = new EndpointTable(db);
    this.#events = events;
    for (const endpoint of this.#table.list()) this.#remember(endpoint);
  }

  list(): EndpointRecord[] {
    return [...this.#byContainer.values()].flat();
  }

  /** In the order they were attached. */
  ofContainer(containerId: string): readonly EndpointRecord[] {
    return this.#byContainer.get(containerId) ?? [];
  }

  onNetwork(networkId: string): EndpointRecord[] {
    return [...(this.#byNetwork.get(networkId)?.values() ?? [])];
  }

  containers(): string[] {
    return [...this.#byContainer.keys()];
  }

  /** Writes new and changed endpoints, all or none. @param alongside what is written down in the same transaction */
  save(endpoints: readonly EndpointRecord[], alongside: () => void = () => undefined): void {
    this.#table.save(endpoints, alongside);
    for (const endpoint of endpoints) this.#remember(endpoint);
  }

  /** @param alongside what is written down in the same transaction: all of it, or nothing, is seen after a crash */
  delete(endpoints: readonly EndpointRecord[], alongside: () => void = () => undefined): void {
    if (endpoints.length === 0) return;
    this.#table.delete(
      endpoints.map(endpoint => endpoint.id),
      alongside,
    );
    for (const endpoint of endpoints) this.#forget(endpoint);
  }

  /** Announces what has been committed. */
  emit(action: 'connect' | 'disconnect', endpoint: EndpointRecord, network: NetworkRecord): void {
    const attributes = { container: endpoint.containerId, name: network.name, type: network.driver };
    this.#events.emit({ type: 'network', action, actor: { id: network.id, attributes } });
  }

  #remember(endpoint: EndpointRecord): void {
    const ofContainer = this.#byContainer.get(endpoint.containerId) ?? [];
    const place = ofContainer.findIndex(other => other.id === endpoint.id);
    const next = place < 0 ? [...ofContainer, endpoint] : ofContainer.with(place, endpoint);
    this.#byContainer.set(endpoint.containerId, next);
    const onNetwork = this.#byNetwork.get(endpoint.networkId) ?? new Map<string, EndpointRecord>();
    this.#byNetwork.set(endpoint.networkId, onNetwork.set(endpoint.id, endpoint));
  }

  #forget(endpoint: EndpointRecord): void {
    const rest = this.ofContainer(endpoint.containerId).filter(other => other.id !== endpoint.id);
    if (rest.length > 0) this.#byContainer.set(endpoint.containerId, rest);
    else this.#byContainer.delete(endpoint.containerId);
    this.#byNetwork.get(endpoint.networkId)?.delete(endpoint.id);
  }
}
