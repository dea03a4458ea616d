import { isKind, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import type { Plugins } from '#plugin/plugins';
import type { OwedCall, OwedCallTable } from '../owed-call-table.ts';
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
  /** plugins whose absence has been logged */
  readonly #away = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #isOver = false;

  constructor(deps: OwedCallsDeps) {
    this.#deps = deps;
  }

  /** Synchronous, so that it can stand in the transaction of what ends. */
  note(calls: readonly OwedCall[]): void {
    this.#deps.table.insert(calls);
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
    const { plugins, table, timeoutMs, logger } = this.#deps;
    for (const { id, capability, method, request } of table.of(name)) {
      if (this.#isOver) return;
      try {
        const plugin = await plugins.get(name, capability, { timeoutMs });
        await plugin.call(method, request, Nothing, { timeoutMs, patienceMs: 0 });
      } catch (error) {
        if (this.#isOver) return;
        const isAway = isKind(error, 'unavailable') || isKind(error, 'notFound');
        logger[isAway && this.#away.has(name) ? 'debug' : 'warn'](
          'a network plugin could not be told of an end',
          {
            plugin: name,
            method,
            error: messageOf(error),
            isTriedAgain: isAway,
          },
        );
        if (isAway) return this.#tryLater(name);
        if (isKind(error, 'deadline')) {
          table.delete(id); // it was told; the rest waits, so that nobody waits for many of these
          return this.#tryLater(name);
        }
      }
      if (this.#isOver) return;
      table.delete(id);
      this.#away.delete(name);
      this.#pauseMs = FIRST_PAUSE_MS;
    }
  }

  #tryLater(plugin: string): void {
    this.#away.add(plugin);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.payAll(), this.#pauseMs).unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
