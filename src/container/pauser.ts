import { setTimeout as wait } from 'node:timers/promises';
import { EngineError } from '#base/errors';
import type { Container } from './container.ts';
import { checkPause, checkUnpause, nextState } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';

const LOOK_MS = 2;
/** Only a process that waits for a disk or a server takes longer than the processor has turns for all. */
const FREEZE_MS = 10_000;

/**
 * Pauses a container or lets it go on. When this resolves all its processes have stopped: whoever reads its files then reads what
 * does not move. The caller holds the lock.
 *
 * @throws {EngineError} `conflict` when it does not run, or is as it is wanted; `internal` for one that cannot be stopped.
 */
export async function setPaused(
  context: ContainerContext,
  container: Container,
  isPaused: boolean,
): Promise<void> {
  const { id, state } = container;
  if (!isPaused) {
    checkUnpause(container);
    unpause(context, container);
    return;
  }
  checkPause(container);
  context.runtime.pause(id);
  context.faults.reach('pause.1-frozen');
  // Noted before the last process has stopped: whoever sends a signal meanwhile wakes it, and a kill needs that.
  const paused = context.index.update(id, { state: nextState(state, { type: 'paused' }) });
  emitContainerEvent(context, paused, 'pause');
  if (await stopsWithin(context, id, FREEZE_MS)) return;
  unpause(context, context.index.get(id));
  throw new EngineError(
    'internal',
    `cannot pause container ${id}: one of its processes does not stop within ${FREEZE_MS / 1000} s; it may wait for a disk or a file server`,
  );
}

function unpause(context: ContainerContext, { id, state }: Container): void {
  context.runtime.resume(id);
  context.faults.reach('unpause.1-thawed');
  const running = context.index.update(id, { state: nextState(state, { type: 'unpaused' }) });
  emitContainerEvent(context, running, 'unpause');
}

/** @returns whether it has stopped; also when somebody woke it meanwhile. */
async function stopsWithin({ runtime, index }: ContainerContext, id: string, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (!runtime.isPaused(id) && index.find(id)?.state.status === 'paused') {
    if (Date.now() > deadline) return false;
    await wait(LOOK_MS);
  }
  return true;
}
