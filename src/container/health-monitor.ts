import { messageOf } from '#base/errors';
import type { ContainerConfig } from '#spec/docker/container-config';
import type { Health, HealthProbe } from './container.ts';

export interface ProbeResult {
  readonly exitCode: number;
  readonly output: string;
  /** it was killed because it took longer than allowed */
  readonly isTimedOut?: boolean;
}

export interface HealthMonitorDeps {
  /**
   * Runs a command in a container and kills it after `timeoutMs`; the time it takes to start does not count.
   * Stops early when the signal fires.
   */
  runProbe(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ProbeResult>;
  /** After each probe. `event` is what `docker events` shows, only when the status changed. */
  onHealth(containerId: string, health: Health, event: string | undefined): void;
}

/** A container whose process has just been started, or was found running. */
export interface Monitored {
  readonly id: string;
  readonly config: Pick<ContainerConfig, 'Healthcheck' | 'Shell'>;
  readonly startedAt: number;
  /** what is known from before an engine restart; absent after a start of the container */
  readonly health?: Health;
}

interface Timing {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

const NANOS_PER_MS = 1_000_000;
// Docker's defaults (moby: daemon/health.go).
const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_START_INTERVAL_MS = 5_000;
const DEFAULT_RETRIES = 3;
const LOG_ENTRIES = 5;
const LONGEST_OUTPUT_BYTES = 4096;
/** setTimeout fires at once beyond 2^31 - 1 */
const LONGEST_TIMER_MS = 2_147_483_647;

export const STARTING: Health = { status: 'starting', failingStreak: 0, log: [] };

/** Runs the health checks of containers: one probe at a time each, first after one interval. */
export class HealthMonitor {
  readonly #deps: HealthMonitorDeps;
  readonly #watches = new Map<string, AbortController>();

  constructor(deps: HealthMonitorDeps) {
    this.#deps = deps;
  }

  /** Starts watching, anew when it is watched already; does nothing without a health check. */
  start(container: Monitored): void {
    this.stop(container.id);
    const command = probeCommand(container.config);
    if (!command) return;
    const ending = new AbortController();
    this.#watches.set(container.id, ending);
    const timing = timingOf(container.config.Healthcheck);
    const watch: Watch = { container, command, timing, health: container.health ?? STARTING, ending };
    this.#schedule(watch);
  }

  /** For an end, and for a pause: a running probe is ended and its result dropped. Idempotent. */
  stop(containerId: string): void {
    this.#watches.get(containerId)?.abort();
    this.#watches.delete(containerId);
  }

  /** Stops all. */
  [Symbol.dispose](): void {
    for (const id of this.#watches.keys()) this.stop(id);
  }

  #schedule(watch: Watch): void {
    const { ending } = watch;
    const timer = setTimeout(() => void this.#probe(watch), nextProbeIn(watch, Date.now()));
    timer.unref(); // health checks alone do not keep the engine alive
    ending.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  async #probe(watch: Watch): Promise<void> {
    const { container, command, timing, ending } = watch;
    const startedAt = Date.now();
    const result = await this.#run(container.id, command, timing.timeoutMs, ending.signal);
    if (ending.signal.aborted) return;
    const probe: HealthProbe = {
      startedAt,
      endedAt: Date.now(),
      exitCode: result.exitCode,
      output: limited(result.output),
    };
    const health = afterProbe(watch, probe);
    const event = health.status === watch.health.status ? undefined : `health_status: ${health.status}`;
    this.#deps.onHealth(container.id, health, event);
    if (!ending.signal.aborted) this.#schedule({ ...watch, health });
  }

  async #run(
    id: string,
    command: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ProbeResult> {
    try {
      const { exitCode, output, isTimedOut } = await this.#deps.runProbe(id, command, timeoutMs, signal);
      if (!isTimedOut) return { exitCode, output };
      const late = `Health check exceeded timeout (${duration(timeoutMs)})`; // Docker's wording
      return { exitCode: -1, output: output === '' ? late : `${late}: ${output}` };
    } catch (error) {
      return { exitCode: -1, output: messageOf(error) };
    }
  }
}

interface Watch {
  readonly container: Monitored;
  readonly command: readonly string[];
  readonly timing: Timing;
  readonly health: Health;
  readonly ending: AbortController;
}

/** What to run: the command, with the shell before it where it is one for a shell; `undefined` without a check. */
export function probeCommand({
  Healthcheck,
  Shell,
}: Pick<ContainerConfig, 'Healthcheck' | 'Shell'>): readonly string[] | undefined {
  const [kind, ...command] = Healthcheck?.Test ?? [];
  if (command.length === 0) return undefined;
  if (kind === 'CMD') return command;
  if (kind !== 'CMD-SHELL') return undefined;
  return [...(Shell && Shell.length > 0 ? Shell : ['/bin/sh', '-c']), ...command];
}

/**
 * The health after one more probe. Failures count towards `retries` once the start period is over or the
 * container was healthy before; a success always makes it healthy.
 */
export function afterProbe(
  {
    container,
    timing,
    health,
  }: {
    readonly container: Pick<Monitored, 'startedAt'>;
    readonly timing: Pick<Timing, 'startPeriodMs' | 'retries'>;
    readonly health: Health;
  },
  probe: HealthProbe,
): Health {
  const log = [...health.log, probe].slice(-LOG_ENTRIES);
  if (probe.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  const isStartingUp =
    health.status === 'starting' && probe.startedAt - container.startedAt < timing.startPeriodMs;
  if (isStartingUp) return { ...health, log };
  const failingStreak = health.failingStreak + 1;
  return { status: failingStreak >= timing.retries ? 'unhealthy' : health.status, failingStreak, log };
}

/** In the start period the start interval counts until it is healthy, and a probe comes right after the period. */
function nextProbeIn({ container, timing, health }: Watch, now: number): number {
  const { intervalMs, startIntervalMs, startPeriodMs } = timing;
  const left = startPeriodMs - (now - container.startedAt);
  const isStarting = health.status === 'starting' && left > 0;
  const next = isStarting ? startIntervalMs : intervalMs;
  return Math.min(left > 0 ? Math.min(next, left) : next, LONGEST_TIMER_MS);
}

function timingOf(healthcheck: ContainerConfig['Healthcheck']): Timing {
  return {
    intervalMs: millis(healthcheck?.Interval) || DEFAULT_INTERVAL_MS,
    timeoutMs: millis(healthcheck?.Timeout) || DEFAULT_TIMEOUT_MS,
    startPeriodMs: millis(healthcheck?.StartPeriod),
    startIntervalMs: millis(healthcheck?.StartInterval) || DEFAULT_START_INTERVAL_MS,
    retries: Math.max(0, healthcheck?.Retries ?? 0) || DEFAULT_RETRIES,
  };
}

/** Less than a millisecond is refused in requests; an image can still have it, and must not keep the engine busy. */
function millis(nanos = 0): number {
  return nanos < NANOS_PER_MS ? 0 : nanos / NANOS_PER_MS;
}

/** As Go prints a duration of whole milliseconds: `1.5s`, `30s`, `2m0s`, `500ms`. */
function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  const rest = `${minutes % 60}m${seconds % 60}s`;
  return minutes < 60 ? rest : `${Math.floor(minutes / 60)}h${rest}`;
}

function limited(output: string): string {
  const bytes = Buffer.from(output);
  if (bytes.length <= LONGEST_OUTPUT_BYTES) return output;
  return `${bytes.toString('utf8', 0, LONGEST_OUTPUT_BYTES).replace(/\uFFFD+$/, '')}...`;
}
