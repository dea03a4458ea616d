import type { ProcessExit } from '#runtime/process-runtime';
import type { Container } from './container.ts';
import { hasProcess, nextState } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { removeLocked } from './remover.ts';
import { restartDecision } from './restart-policy.ts';
import { inBackground, releaseMounts, releaseRuntime } from './teardown.ts';

/** What happens to a container after its process ended, besides what is written here. */
export interface ExitFollowers {
  /** the monitor of its health stops */
  stopped(id: string): void;
  /** the delay before the run that ended, when a policy had started it */
  previousDelayMs(id: string): number | undefined;
  /** its process is to be started again after the delay */
  scheduleRestart(id: string, delayMs: number): void;
}

/**
 * Books the end of a container's process: row, event, waiters, then everything it held, then what its
 * restart policy or `--rm` asks for. A second call for the same end does nothing.
 */
export async function handleExit(
  context: ContainerContext,
  exit: ProcessExit,
  followers: ExitFollowers,
): Promise<void> {
  using _lock = await context.locks.lock(exit.id);
  const container = context.index.find(exit.id);
  if (!container || !hasProcess(container.state.status)) {
    context.runtime.forgetExit(exit.id);
    return;
  }
  await context.turns.pass();
  context.faults.reach('exit.1-seen');
  followers.stopped(container.id);
  context.networks.release(container.id); // before anyone is told: a port is free for whoever comes next
  const previousDelayMs = followers.previousDelayMs(container.id);
  const decision = restartDecision({
    policy: container.hostConfig.RestartPolicy,
    exitCode: exit.code,
    isManuallyStopped: container.isManuallyStopped,
    restartCount: container.restartCount,
    ranForMs: exit.exitedAt - (container.state.startedAt ?? exit.exitedAt),
    ...(previousDelayMs === undefined ? {} : { previousDelayMs }),
  });
  const ended = context.index.update(container.id, {
    state: nextState(container.state, {
      type: 'exited',
      exitCode: exit.code,
      at: exit.exitedAt,
      isOomKilled: exit.isOomKilled,
      isRestarting: decision.restart,
    }),
  });
  context.runtime.forgetExit(container.id);
  context.faults.reach('exit.2-row');
  announce(context, ended, exit);
  context.faults.reach('exit.3-announced');
  if (ended.hostConfig.AutoRemove) {
    await removeLocked(context, ended, { volumes: true });
    return;
  }
  inBackground(context, ended.id, async () => {
    await context.turns.pass();
    await releaseMounts(context, ended);
    await releaseRuntime(context, { id: ended.id, runtime: ended.hostConfig.Runtime });
  });
  if (decision.restart) followers.scheduleRestart(ended.id, decision.delayMs);
}

function announce(context: ContainerContext, container: Container, exit: ProcessExit): void {
  if (exit.isOomKilled) emitContainerEvent(context, container, 'oom');
  const ranForMs = exit.exitedAt - (container.state.startedAt ?? exit.exitedAt);
  emitContainerEvent(context, container, 'die', {
    exitCode: String(exit.code),
    execDuration: String(Math.max(0, Math.floor(ranForMs / 1000))),
  });
  context.waiters.exited(container.id, { exitCode: exit.code, error: '' });
}
