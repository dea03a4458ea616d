import { isKind } from '#base/errors';
import type { Container } from './container.ts';
import { nextState } from './container-machine.ts';
import type { ContainerContext } from './context.ts';

const OPERATION = 'hold';

export type PauseSwitch = Readonly<Record<'pause' | 'unpause', (id: string) => Promise<void>>>;

/** Pauses the containers that run with a volume while `work` looks at a state of it that does not move. */
export async function withUsersPaused<T>(
  context: ContainerContext,
  volume: string,
  change: PauseSwitch,
  work: () => Promise<T>,
): Promise<T> {
  return await withPaused(context, context.volumes.usersOf(volume), change, work);
}

/** Pauses those of the containers that run. Noted in the journal, so that a crash meanwhile leaves none of them paused. */
export async function withPaused<T>(
  context: ContainerContext,
  ids: readonly string[],
  { pause, unpause }: PauseSwitch,
  work: () => Promise<T>,
): Promise<T> {
  await using held = new AsyncDisposableStack();
  for (const id of ids) {
    if (context.index.find(id)?.state.status !== 'running') continue;
    const operation = context.journal.begin(OPERATION, id);
    held.defer(() => operation.end());
    try {
      await pause(id);
    } catch (error) {
      if (context.index.find(id)?.state.status === 'running') throw error;
      continue; // it has ended, or somebody paused it: either way it does not write
    }
    held.defer(async () => {
      try {
        await unpause(id);
      } catch (error) {
        if (!isKind(error, 'conflict') && !isKind(error, 'notFound')) throw error; // it is not paused any more
      }
    });
  }
  return await work();
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
