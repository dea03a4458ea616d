import { type Abortable, orAborted } from '#base/abortable';
import type { WaitCondition } from './container.ts';

export interface WaitResult {
  readonly exitCode: number;
  readonly error: string;
}

interface Waiter {
  readonly condition: WaitCondition;
  readonly resolve: (result: WaitResult) => void;
}

/** Who waits for a container to end or to be removed. */
export class Waiters {
  readonly #waiting = new Map<string, Set<Waiter>>();

  async wait(id: string, condition: WaitCondition, { signal }: Abortable = {}): Promise<WaitResult> {
    const { promise, resolve } = Promise.withResolvers<WaitResult>();
    const waiter: Waiter = { condition, resolve };
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(waiter));
    try {
      return await orAborted(promise, signal);
    } finally {
      waiting.delete(waiter);
      if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
    }
  }

  /** The container ended: everyone but those who wait for its removal. */
  exited(id: string, result: WaitResult): void {
    this.#notify(id, result, waiter => waiter.condition !== 'removed');
  }

  /** The container is no more: everyone. */
  removed(id: string, result: WaitResult): void {
    this.#notify(id, result, () => true);
  }

  #notify(id: string, result: WaitResult, isMeant: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiting.get(id) ?? []) {
      if (isMeant(waiter)) waiter.resolve(result);
    }
  }
}
