import type { ContainerState, Health } from '#container/container';
import { toTimestamp } from '#spec/docker/timestamp';
import { humanDuration } from './human-duration.ts';

/** Engine API `ContainerState`. A container between two runs of its restart policy counts as running, as with Docker. */
export function stateToWire(state: ContainerState) {
  const { status, health } = state;
  return {
    Status: status,
    Running: status === 'running' || status === 'paused' || status === 'restarting',
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: state.isOomKilled,
    Dead: status === 'dead',
    Pid: state.pid ?? 0,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: toTimestamp(state.startedAt),
    FinishedAt: toTimestamp(state.finishedAt),
    ...(health ? { Health: healthToWire(health) } : {}),
  };
}

/** The text in the STATUS column of `docker ps`: `Up 5 minutes (healthy)`. */
export function statusText(state: ContainerState, now: number): string {
  const { status, health } = state;
  const since = (time: number | undefined): string => humanDuration(now - (time ?? now));
  switch (status) {
    case 'running': {
      const suffix = health ? ` (${health.status === 'starting' ? 'health: starting' : health.status})` : '';
      return `Up ${since(state.startedAt)}${suffix}`;
    }
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'created':
      return 'Created';
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function healthToWire({ status, failingStreak, log }: Health) {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map(probe => ({
      Start: toTimestamp(probe.startedAt),
      End: toTimestamp(probe.endedAt),
      ExitCode: probe.exitCode,
      Output: probe.output,
    })),
  };
}
