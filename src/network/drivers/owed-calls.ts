import { isKind, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import type { Plugin } from '#plugin/plugin';
import type { Plugins } from '#plugin/plugins';
import type { OwedCall, OwedCallRecord, OwedCallTable } from '../owed-call-table.ts';
import { Nothing } from './remote-protocol.ts';

export interface OwedCallsDeps {
  readonly table: OwedCallTable;
  readonly plugins: Plugins;
  readonly timeoutMs: number;
  readonly logger: Logger;
}

/** Between tries while a plugin is away; twice as long each time. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;

/**
 * Calls that tell plugins the end of something: they are written down with what ends, and made as soon as the plugin is there, in order and
 * one after the other. So an endpoint whose plugin was away, or whose engine was killed meanwhile, keeps no address and no link. A plugin
 * that answers, be it that it refuses, has been told.
 */
export class OwedCalls implements Disposable {
  readonly #deps: OwedCallsDeps;
  /** plugin → the end of what is being paid to it */
  readonly #paying = new Map<string, Promise<void>>();
  /** numbers of calls that are not owed as long as this engine lives */
  readonly #held = new Set<number>();
  /** plugins whose absence has been logged */
  readonly #away = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #isOver = false;

  constructor(deps: OwedCallsDeps) {
    this.#deps = deps;
  }

  /**
   * Synchronous, so that it can stand in the transaction of what ends.
   *
   * @param instead what was held until now
   */
  note(calls: readonly OwedCall[], instead: readonly number[] = []): void {
    this.#deps.table.insert(calls, instead);
    for (const id of instead) this.#held.delete(id);
  }

  /**
   * Writes down calls that become owed if this engine does not live to {@link drop} them, or to note others instead: of what a plugin has
   * made for something that has no row yet.
   *
   * @param instead what was held until now
   */
  hold(calls: readonly OwedCall[], instead: readonly number[] = []): number[] {
    const ids = this.#deps.table.insert(calls, instead);
    for (const id of instead) this.#held.delete(id);
    for (const id of ids) this.#held.add(id);
    return ids;
  }

  /** What they were held for has its row: belongs into the transaction that writes it. */
  drop(held: readonly number[]): void {
    this.note([], held);
  }

  /** Makes what calls are owed to a plugin now. Never throws: what cannot be made is tried again later. */
  async pay(plugin: string): Promise<void> {
    const before = this.#paying.get(plugin) ?? Promise.resolve();
    const payment = before.catch(() => undefined).then(() => this.#payNow(plugin));
    this.#paying.set(plugin, payment);
    await payment;
    if (this.#paying.get(plugin) === payment) this.#paying.delete(plugin);
  }

  async payAll(): Promise<void> {
    for (const plugin of this.#deps.table.plugins()) await this.pay(plugin);
  }

  /** Nobody has to be told about the endpoints of a network any more. */
  forget(networkId: string): void {
    this.#deps.table.deleteOfNetwork(networkId, 'NetworkDriver');
  }

  /** Stops trying; what is owed stays written down. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  async #payNow(name: string): Promise<void> {
    const { table } = this.#deps;
    for (const owed of table.of(name)) {
      if (this.#isOver) return;
      if (this.#held.has(owed.id)) continue;
      const outcome = await this.#tell(owed);
      if (this.#isOver) return;
      if (outcome !== 'away') table.delete(owed.id);
      // Nobody waits for many calls that hang.
      if (outcome !== 'told') return this.#tryLater(name);
      this.#away.delete(name);
      this.#pauseMs = FIRST_PAUSE_MS;
    }
  }

  /** @returns whether it was told: also when it refused; `slow` when it did not answer in time, and may have understood. */
  async #tell({
    plugin: name,
    capability,
    method,
    request,
  }: OwedCallRecord): Promise<'told' | 'slow' | 'away'> {
    const { plugins, timeoutMs } = this.#deps;
    let plugin: Plugin;
    try {
      plugin = await plugins.get(name, capability, { timeoutMs });
    } catch (error) {
      this.#warn(name, method, error);
      return 'away';
    }
    try {
      await plugin.call(method, request, Nothing, { timeoutMs, patienceMs: 0 });
      return 'told';
    } catch (error) {
      this.#warn(name, method, error);
      if (isKind(error, 'unavailable')) return 'away';
      return isKind(error, 'deadline') ? 'slow' : 'told';
    }
  }

  #warn(plugin: string, method: string, error: unknown): void {
    if (this.#isOver) return;
    const level = this.#away.has(plugin) ? 'debug' : 'warn'; // it is said once
    this.#deps.logger[level]('a network plugin could not be told of an end', {
      plugin,
      method,
      error: messageOf(error),
    });
  }

  #tryLater(plugin: string): void {
    this.#away.add(plugin);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.payAll(), this.#pauseMs).unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
