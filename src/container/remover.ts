import { rm } from 'node:fs/promises';
import type { Abortable } from '#base/abortable';
import { EngineError, isKind, messageOf } from '#base/errors';
import type { Container } from './container.ts';
import { checkRemove, isAlive } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { killAtOnce } from './stopper.ts';
import { inBackground, releaseMounts, releaseRuntime } from './teardown.ts';

/** Long enough for the kernel to end a process that was killed, even on a busy machine. */
const KILL_WAIT_MS = 10_000;

export interface RemoveOptions extends Abortable {
  readonly force: boolean;
  /** also the anonymous volumes that only this container uses */
  readonly volumes: boolean;
}

/**
 * Removes a container, killing it first when forced.
 *
 * @throws {EngineError} `conflict` while it runs and removal is not forced, or another removal is under way.
 */
export async function removeContainer(
  context: ContainerContext,
  container: Container,
  options: RemoveOptions,
): Promise<void> {
  if (!options.force) checkRemove(container);
  if (isAlive(container.state.status)) await killForRemoval(context, container);
  using _lock = await context.locks.lock(container.id, options);
  const current = context.index.find(container.id);
  if (!current) return; // `--rm`, or another client, was quicker: it is gone, as was asked
  await removeLocked(context, current, { volumes: options.volumes });
}

async function killForRemoval(context: ContainerContext, container: Container): Promise<void> {
  const ended = context.waiters.wait(container.id, 'not-running', {
    signal: AbortSignal.timeout(KILL_WAIT_MS),
  });
  ended.catch(() => undefined); // awaited below, unless the kill itself fails
  context.index.update(container.id, { isManuallyStopped: true });
  killAtOnce(context, container);
  context.faults.reach('remove.2-killed');
  if (context.index.find(container.id)?.state.status === 'restarting') return; // no process between two runs
  try {
    await ended;
  } catch (error) {
    if (!isKind(error, 'deadline')) throw error;
    throw new EngineError(
      'internal',
      `cannot remove container "/${container.name}": its process does not end after SIGKILL`,
      {
        cause: error,
      },
    );
  }
}

/**
 * The removal itself; the caller holds the lock, and the container does not run. What the user can see is gone
 * when this resolves; the runtime's state, the snapshot and the files follow in the background.
 */
export async function removeLocked(
  context: ContainerContext,
  container: Container,
  { volumes: removesVolumes }: { readonly volumes: boolean },
): Promise<void> {
  await context.turns.pass();
  const { id, state } = container;
  const anonymous = removesVolumes ? anonymousVolumes(context, container) : [];
  const operation = context.journal.begin('remove', id, { volumes: anonymous });
  context.faults.reach('remove.1-journaled');
  context.networks.release(id);
  context.index.delete(id); // point of no return: what follows is redone at the next start if it is cut
  context.faults.reach('remove.3-row');
  emitContainerEvent(context, container, 'destroy');
  const holdsVolumes = container.mounts.some(({ type }) => type === 'volume');
  if (holdsVolumes) {
    await releaseMounts(context, container); // whoever hears of the removal may remove its volumes next
    await removeVolumes(context, id, anonymous);
  }
  context.hub.reject(id, new EngineError('notFound', `container ${id} was removed`));
  context.waiters.removed(id, { exitCode: state.exitCode, error: '' }); // the removal itself went well
  inBackground(context, id, async () => {
    await context.turns.pass();
    if (!holdsVolumes) await releaseMounts(context, container);
    await releaseRuntime(context, { id: container.id, runtime: container.hostConfig.Runtime });
    await removeFiles(context, id);
    operation.end();
  });
}

/** Idempotent: also the redo after a crash. */
export async function removeVolumes(
  context: ContainerContext,
  id: string,
  anonymous: readonly string[],
): Promise<void> {
  context.volumes.releaseAll(id);
  for (const name of anonymous) {
    try {
      await context.volumes.remove(name);
    } catch (error) {
      if (isKind(error, 'notFound') || isKind(error, 'conflict')) continue; // gone, or used by another by now
      context.logger.warn('cannot remove an anonymous volume', { volume: name, error: messageOf(error) });
    }
  }
  context.faults.reach('remove.4-volumes');
}

/** The writable layer, the logs and the generated files. Idempotent: also the redo after a crash. */
export async function removeFiles(context: ContainerContext, id: string): Promise<void> {
  try {
    context.snapshots.remove(id);
  } catch (error) {
    if (!isKind(error, 'notFound')) throw error;
  }
  context.faults.reach('remove.5-snapshot');
  await rm(context.paths.directory(id), { recursive: true, force: true });
  context.faults.reach('remove.6-files');
}

function anonymousVolumes({ volumes }: ContainerContext, { mounts }: Container): string[] {
  return mounts.flatMap(({ type, name }) =>
    type === 'volume' && name !== undefined && volumes.find(name)?.isAnonymous ? [name] : [],
  );
}
