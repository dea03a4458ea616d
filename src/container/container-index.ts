import type { ContainerId } from '#base/ids';
import type { Container } from './container.ts';
import type { ContainerTable } from './container-table.ts';
import { ambiguousContainer, containerNotFound } from './errors.ts';

/**
 * All containers in memory, in step with their rows: reads never touch the database, and every change
 * is written before it is seen. `reserve` keeps a name while its container is being made.
 */
export class ContainerIndex {
  readonly #table: ContainerTable;
  readonly #byId = new Map<ContainerId, Container>();
  readonly #byName = new Map<string, ContainerId>();

  constructor(table: ContainerTable) {
    this.#table = table;
  }

  load(): void {
    for (const container of this.#table.all()) this.#remember(container);
  }

  all(): Container[] {
    return [...this.#byId.values()];
  }

  /** By ID, name (with or without a leading slash), or unique ID prefix, in this order. @throws `invalid` when ambiguous. */
  find(reference: string): Container | undefined {
    const direct = this.#byId.get(reference as ContainerId); // only a known ID can hit
    if (direct) return direct;
    const named = this.#byName.get(reference.replace(/^\//, ''));
    if (named) return this.#byId.get(named);
    if (!/^[0-9a-f]{1,64}$/.test(reference)) return undefined;
    const matches = this.all().filter(container => container.id.startsWith(reference));
    if (matches.length > 1) throw ambiguousContainer(reference);
    return matches[0];
  }

  /** @throws {EngineError} `notFound`. */
  get(reference: string): Container {
    const container = reference === '' ? undefined : this.find(reference);
    if (!container) throw containerNotFound(reference);
    return container;
  }

  /** The owner of a name, be it a container or a reservation. */
  ownerOf(name: string): ContainerId | undefined {
    return this.#byName.get(name);
  }

  /** Takes a name for a container that has no row yet; dispose gives it back unless `insert` has followed. */
  reserve(name: string, id: ContainerId): Disposable {
    this.#byName.set(name, id);
    return {
      [Symbol.dispose]: () => {
        if (!this.#byId.has(id) && this.#byName.get(name) === id) this.#byName.delete(name);
      },
    };
  }

  insert(container: Container): void {
    this.#table.insert(container);
    this.#remember(container);
  }

  /** Writes a new state, and returns the container as it is now. */
  update(
    id: string,
    change: Partial<Pick<Container, 'state' | 'restartCount' | 'isManuallyStopped' | 'networking'>>,
  ): Container {
    const next = { ...this.get(id), ...change };
    this.#table.updateState(next);
    this.#byId.set(next.id, next);
    return next;
  }

  /** Writes what a container is to be from now on, and returns it. */
  setHostConfig(id: string, hostConfig: Container['hostConfig']): Container {
    const next = { ...this.get(id), hostConfig };
    this.#table.updateFixed(next);
    this.#byId.set(next.id, next);
    return next;
  }

  /** Notes a state that only matters while this engine runs, such as the last health probe: not worth a commit. */
  note(id: string, state: Container['state']): Container {
    const next = { ...this.get(id), state };
    this.#byId.set(next.id, next);
    return next;
  }

  rename(id: ContainerId, name: string): Container {
    const before = this.get(id);
    this.#table.rename(id, name);
    this.#byName.delete(before.name);
    const next = { ...before, name };
    this.#remember(next);
    return next;
  }

  /** Writes references to something that has another name now. */
  replaceReferences(id: ContainerId, change: Pick<Container, 'mounts' | 'hostConfig'>): void {
    const next = { ...this.get(id), ...change };
    this.#table.updateFixed(next);
    this.#byId.set(next.id, next);
  }

  /** Takes containers back to what they were, when a commit that changed them was rolled back. */
  reload(before: readonly Container[]): void {
    for (const { id, mounts, hostConfig } of before) {
      const current = this.#byId.get(id);
      if (current) this.#byId.set(id, { ...current, mounts, hostConfig });
    }
  }

  delete(id: ContainerId): void {
    const container = this.#byId.get(id);
    this.#table.delete(id);
    this.#byId.delete(id);
    if (container && this.#byName.get(container.name) === id) this.#byName.delete(container.name);
  }

  #remember(container: Container): void {
    this.#byId.set(container.id, container);
    this.#byName.set(container.name, container.id);
  }
}
