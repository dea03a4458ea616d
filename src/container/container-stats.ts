import { totalmem } from 'node:os';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import type { Abortable } from '#base/abortable';
import { messageOf } from '#base/errors';
import { type CgroupStats, readCgroupStats } from '#sys/cgroup-stats';
import { type InterfaceCounters, readInterfaceCounters } from '#sys/interface-counters';
import { readSystemCpu, type SystemCpu } from '#sys/system-cpu';
import type { Container } from './container.ts';
import { hasProcess } from './container-machine.ts';
import { cgroupPath } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import { networkModeOf } from './network-mode.ts';

/** What a container has used up to one moment. */
export interface StatsSample {
  /** milliseconds since 1970 */
  readonly readAt: number;
  readonly cgroup: CgroupStats;
  readonly system: SystemCpu;
  /** absent: it has no network of its own */
  readonly interfaces?: readonly InterfaceCounters[];
  readonly cgroupVersion: 1 | 2;
  /** what it may use at most, without a limit of its own */
  readonly hostMemoryBytes: number;
}

/** A sample, and the one before it, to tell what was used in between. Both are absent while the container does not run. */
export interface StatsView {
  readonly id: string;
  readonly name: string;
  readonly sample?: StatsSample;
  readonly previous?: StatsSample;
}

const PERIOD_MS = 1000;

type Listener = (view: StatsView | undefined) => void;

/**
 * What containers use. Everybody who watches shares one timer, and each container is read once a second however many watch it;
 * nothing is read when nobody does, and no process is started.
 */
export class ContainerStats {
  readonly #context: ContainerContext;
  /** by container ID */
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #latest = new Map<string, StatsSample>();
  #isTicking = false;

  constructor(context: ContainerContext) {
    this.#context = context;
  }

  /** How many watch; for tests of who leaves. */
  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** As it is now, with nothing to compare it with. @throws `notFound`. */
  async now(reference: string): Promise<StatsView> {
    return await this.#view(this.#context.index.get(reference).id);
  }

  /** What was used within a second. @throws `notFound`; `cancelled`. */
  async once(reference: string, options: Abortable = {}): Promise<StatsView> {
    const { id } = this.#context.index.get(reference);
    const first = await this.#view(id);
    const { sample: previous } = first;
    if (previous === undefined) return first;
    await wait(PERIOD_MS, undefined, options);
    const view = await this.#view(id);
    return view.sample ? { ...view, previous } : view;
  }

  /** Once a second, until the container is removed or the signal fires. A reader that is slow misses some. @throws `notFound`. */
  watch(reference: string, { signal }: Abortable = {}): AsyncIterable<StatsView> {
    const { id } = this.#context.index.get(reference);
    return this.#follow(id, signal);
  }

  async *#follow(id: string, signal: AbortSignal | undefined): AsyncGenerator<StatsView> {
    let pending: StatsView | undefined;
    let isOver = false;
    let wake = (): void => undefined;
    const listener: Listener = view => {
      if (view) pending = view;
      else isOver = true;
      wake();
    };
    const stop = (): void => {
      isOver = true;
      wake();
    };
    signal?.addEventListener('abort', stop, { once: true });
    this.#listen(id, listener);
    try {
      if (this.#context.index.find(id)) yield await this.#view(id);
      while (!isOver && signal?.aborted !== true) {
        if (pending === undefined) await new Promise<void>(resolve => (wake = resolve));
        const view = pending;
        pending = undefined;
        if (view) yield view;
      }
    } finally {
      this.#forget(id, listener);
      signal?.removeEventListener('abort', stop);
    }
  }

  #listen(id: string, listener: Listener): void {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    if (!this.#isTicking) void this.#tick();
  }

  #forget(id: string, listener: Listener): void {
    const listeners = this.#listeners.get(id);
    listeners?.delete(listener);
    if (listeners?.size !== 0) return;
    this.#listeners.delete(id);
    this.#latest.delete(id);
  }

  async #tick(): Promise<void> {
    this.#isTicking = true;
    try {
      for (;;) {
        await wait(PERIOD_MS, undefined, { ref: false });
        if (this.#listeners.size === 0) return;
        const system = readSystemCpu();
        for (const id of this.#listeners.keys()) {
          await this.#tell(id, system);
          await nextTurn(); // others have their turn between two containers
        }
      }
    } catch (error) {
      this.#context.logger.error('cannot read what containers use', { error: messageOf(error) });
    } finally {
      this.#isTicking = false;
      if (this.#listeners.size > 0) void this.#tick();
    }
  }

  async #tell(id: string, system: SystemCpu): Promise<void> {
    const container = this.#context.index.find(id);
    const isThere = container?.id === id;
    const previous = this.#latest.get(id);
    const sample = isThere ? await this.#sample(container, system) : undefined;
    if (sample) this.#latest.set(id, sample);
    else this.#latest.delete(id);
    const view = isThere
      ? { id, name: container.name, ...(sample && { sample, ...(previous && { previous }) }) }
      : undefined;
    for (const listener of this.#listeners.get(id) ?? []) listener(view);
  }

  async #view(id: string): Promise<StatsView> {
    const container = this.#context.index.get(id);
    const sample = await this.#sample(container, readSystemCpu());
    if (sample && this.#listeners.has(id) && !this.#latest.has(id)) this.#latest.set(id, sample);
    return { id, name: container.name, ...(sample && { sample }) };
  }

  async #sample(container: Container, system: SystemCpu): Promise<StatsSample | undefined> {
    const { status, pid } = container.state;
    if (!hasProcess(status) || pid === undefined) return undefined;
    const cgroup = await readCgroupStats(this.#context.host.cgroups, cgroupPath(container));
    if (Object.keys(cgroup).length === 0) return undefined; // it has just ended
    const { kind } = networkModeOf(container);
    const hasInterfaces = kind === 'networks' || kind === 'container';
    return {
      readAt: Date.now(),
      cgroupVersion: this.#context.host.cgroups.version,
      hostMemoryBytes: totalmem(),
      cgroup,
      system,
      ...(hasInterfaces && { interfaces: readInterfaceCounters(pid) }),
    };
  }
}
