import type { Container } from './container.ts';

export type RestartPolicy = Container['hostConfig']['RestartPolicy'];

/** A run that ended. */
export interface EndedRun {
  readonly policy: RestartPolicy;
  readonly exitCode: number;
  /** somebody stopped or killed it on purpose */
  readonly isManuallyStopped: boolean;
  /** automatic restarts so far */
  readonly restartCount: number;
  readonly ranForMs: number;
  /** delay before the run that ended; absent: as the restarts so far would have made it */
  readonly previousDelayMs?: number;
}

export interface RestartDecision {
  readonly restart: boolean;
  readonly delayMs: number;
}

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
/** A run at least this long counts as a success: the delay starts over. */
const STEADY_MS = 10_000;

/** What follows an exit: 100 ms, then twice as long each time up to a minute (as Docker's restart manager). */
export function restartDecision(run: EndedRun): RestartDecision {
  if (run.isManuallyStopped || !isWanted(run)) return { restart: false, delayMs: 0 };
  return { restart: true, delayMs: nextDelay(run) };
}

/**
 * Whether to start a container that does not run when the engine starts: `always` even after a manual stop,
 * `unless-stopped` not. One that never ran stays as it is. (What a reboot cut off counts as a failure, and is
 * decided by {@link restartDecision} when its end is booked.)
 */
export function startsWithDaemon({
  state,
  hostConfig,
  isManuallyStopped,
}: Pick<Container, 'state' | 'hostConfig' | 'isManuallyStopped'>): boolean {
  if (state.status !== 'exited') return false;
  const policy = hostConfig.RestartPolicy.Name;
  return policy === 'always' || (policy === 'unless-stopped' && !isManuallyStopped);
}

function isWanted({ policy, exitCode, restartCount }: EndedRun): boolean {
  switch (policy.Name) {
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return exitCode !== 0 && (policy.MaximumRetryCount === 0 || restartCount < policy.MaximumRetryCount);
    default:
      return false;
  }
}

function nextDelay({ previousDelayMs, restartCount, ranForMs }: EndedRun): number {
  const previous = previousDelayMs ?? (restartCount > 0 ? delayBefore(restartCount) : 0);
  if (previous <= 0 || ranForMs >= STEADY_MS) return FIRST_DELAY_MS;
  return Math.min(previous * 2, LONGEST_DELAY_MS);
}

function delayBefore(restartCount: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** (restartCount - 1), LONGEST_DELAY_MS);
}
