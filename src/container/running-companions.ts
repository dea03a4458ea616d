import type { Container } from './container.ts';
import { nextState } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import type { ExecProcessBuilder } from './exec-manager.ts';
import { HealthMonitor } from './health-monitor.ts';
import { runHealthProbe } from './health-probe.ts';
import { LogKeeper } from './log-access.ts';

/** What accompanies a container while it runs: the monitor of its health, the rotation of its log. */
export class RunningCompanions implements Disposable {
  readonly #health: HealthMonitor;
  readonly #logs: LogKeeper;

  constructor(context: ContainerContext, buildProcess: ExecProcessBuilder) {
    this.#logs = new LogKeeper(context);
    this.#health = new HealthMonitor({
      runProbe: (id, command, timeoutMs, signal) =>
        runHealthProbe(context, buildProcess, context.index.get(id), { command, timeoutMs, signal }),
      onHealth: (id, health, event) => {
        const container = context.index.find(id);
        if (container?.state.status !== 'running') return; // ended while the probe ran
        const state = nextState(container.state, { type: 'health', health });
        if (event === undefined) context.index.note(id, state);
        else emitContainerEvent(context, context.index.update(id, { state }), event);
      },
    });
  }

  /** A process was started, or found running after a start of the engine. */
  started(container: Container): void {
    const { state } = container;
    this.#logs.started(container);
    if (state.status === 'running') this.resumed(container);
  }

  /** Its processes go on, or have begun. */
  resumed({ id, config, state }: Container): void {
    this.#health.start({
      id,
      config,
      startedAt: state.startedAt ?? Date.now(),
      ...(state.health ? { health: state.health } : {}),
    });
  }

  /** Its process ended. */
  stopped(id: string): void {
    this.#health.stop(id);
    this.#logs.stopped(id);
  }

  /** Before it is: probes of a frozen container would only fail. */
  paused(id: string): void {
    this.#health.stop(id);
  }

  [Symbol.dispose](): void {
    this.#health[Symbol.dispose]();
    this.#logs[Symbol.dispose]();
  }
}
