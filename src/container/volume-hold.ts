import { isKind } from '#base/errors';
import type { Container } from './container.ts';
import { nextState } from './container-machine.ts';
import type { ContainerContext } from './context.ts';

const OPERATION = 'hold';

export interface PauseSwitch {
  /** @param note called when it can be paused, before it is, and while nobody else can pause it */
  readonly pause: (id: string, note: () => void) => Promise<void>;
  readonly unpause: (id: string) => Promise<void>;
}

/**
 * Pauses the containers that run with a volume while `work` looks at a state of it that does not move. Those that are starting are
 * waited for, and those that start later wait.
 */
export async function withUsersPaused<T>(
  context: ContainerContext,
  volume: string,
  change: PauseSwitch,
  work: () => Promise<T>,
): Promise<T> {
  using _quiet = context.quietVolumes.hold(volume);
  const users = context.volumes.usersOf(volume);
  for (const id of users) (await context.locks.lock(id))[Symbol.dispose](); // a start that began before
  return await withPaused(context, users, change, work);
}

/**
 * Pauses those of the containers that run, until nobody needs them paused any more. Noted in the journal, so that a crash meanwhile
 * leaves none of them paused. The note is made and struck out with the pause, under the container's lock: what somebody paused by hand
 * before or after is never taken for a pause of ours.
 */
export async function withPaused<T>(
  context: ContainerContext,
  ids: readonly string[],
  change: PauseSwitch,
  work: () => Promise<T>,
): Promise<T> {
  await using held = new AsyncDisposableStack();
  for (const id of ids) {
    const isHeld = await context.pauseCount.hold(id, () => pauseRunning(context, id, change));
    if (!isHeld) continue;
    held.defer(async () => {
      await context.pauseCount.release(id, () => unpausePaused(context, id, change));
    });
  }
  return await work();
}

/** @returns whether it was running until now. */
async function pauseRunning(
  { index, journal }: ContainerContext,
  id: string,
  { pause }: PauseSwitch,
): Promise<boolean> {
  const isRunning = (): boolean => index.find(id)?.state.status === 'running';
  if (!isRunning()) return false;
  try {
    await pause(id, () => void journal.begin(OPERATION, id));
    return true;
  } catch (error) {
    if (index.find(id)?.state.status !== 'paused') forgetHold(journal, id); // by somebody else then
    if (isRunning()) throw error;
    return false; // it has ended, or somebody paused it: either way it does not write
  }
}

async function unpausePaused(
  { journal }: ContainerContext,
  id: string,
  { unpause }: PauseSwitch,
): Promise<void> {
  try {
    await unpause(id);
  } catch (error) {
    forgetHold(journal, id);
    if (!isKind(error, 'conflict') && !isKind(error, 'notFound')) throw error; // it is not paused any more
  }
}

/** A container goes on, by whoever's hand: how it is paused later is nothing of ours. */
export function forgetHold(journal: ContainerContext['journal'], id: string): void {
  journal.endAll(OPERATION, id);
}

/** At start-up: a container that was paused for such work goes on. */
export function settleHold(context: ContainerContext, { id, state }: Container): void {
  if (state.status !== 'paused') return;
  try {
    context.runtime.resume(id);
  } catch (error) {
    context.logger.warn('cannot resume a container that was paused for its files to be read', {
      container: id,
      error,
    });
    return;
  }
  context.index.update(id, { state: nextState(state, { type: 'unpaused' }) });
}
