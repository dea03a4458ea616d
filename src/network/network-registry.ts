import type { EventSink } from '#base/engine-event';
import type { Database } from '#store/database';
import { networkAmbiguous, networkNotFound } from './errors.ts';
import { type NetworkRecord, NetworkTable } from './network-table.ts';

/** Made by the engine, never removed. */
export const PREDEFINED = new Set(['bridge', 'host', 'none']);

/** All networks, kept in memory as they are in the database. */
export class NetworkRegistry {
  readonly #table: NetworkTable;
  readonly #events: EventSink;
  readonly #byId = new Map<string, NetworkRecord>();
  readonly #idByName = new Map<string, string>();

  constructor({ db, events }: { readonly db: Database; readonly events: EventSink }) {
    this.#table = new NetworkTable(db);
    this.#events = events;
    for (const network of this.#table.list()) this.#remember(network);
  }

  list(): NetworkRecord[] {
    return [...this.#byId.values()];
  }

  /** By ID, name, or unique prefix of an ID. @throws `invalid` when a prefix fits several. */
  find(reference: string): NetworkRecord | undefined {
    const exact = this.#byId.get(reference) ?? this.#byId.get(this.#idByName.get(reference) ?? '');
    if (exact || !/^[0-9a-f]{1,63}$/.test(reference)) return exact;
    const candidates = this.list().filter(network => network.id.startsWith(reference));
    if (candidates.length > 1) throw networkAmbiguous(reference);
    return candidates[0];
  }

  hasName(name: string): boolean {
    return this.#idByName.has(name);
  }

  get(reference: string): NetworkRecord {
    const network = this.find(reference);
    if (!network) throw networkNotFound(reference);
    return network;
  }

  insert(network: NetworkRecord): void {
    this.#table.insert(network);
    this.#remember(network);
    this.#emit('create', network);
  }

  update(network: NetworkRecord): void {
    this.#table.update(network);
    this.#remember(network);
  }

  /** @param alongside what is written down in the same transaction */
  delete(network: NetworkRecord, alongside: () => void = () => undefined): void {
    this.#table.delete(network.id, alongside);
    this.#byId.delete(network.id);
    this.#idByName.delete(network.name);
    this.#emit('destroy', network);
  }

  #remember(network: NetworkRecord): void {
    this.#byId.set(network.id, network);
    this.#idByName.set(network.name, network.id);
  }

  #emit(action: string, network: NetworkRecord): void {
    const attributes = { name: network.name, type: network.driver };
    this.#events.emit({ type: 'network', action, actor: { id: network.id, attributes } });
  }
}
