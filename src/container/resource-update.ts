import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { changedResources, liftedLimits } from '#runtime/oci-spec/changed-resources';
import { HostConfig } from '#spec/docker/host-config';
import type { ContainerUpdateRequest } from '#spec/docker/requests';
import type { OpenOperation } from '#store/journal';
import type { Container } from './container.ts';
import { hasProcess } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { changedConfig, LIVE_FIELDS } from './resource-change.ts';

const OPERATION = 'update';
const JournalData = v.object({ hostConfig: HostConfig });

/**
 * Changes limits and the restart policy of a container: at once where it runs, and for its next starts. Cut by a crash, it is done at
 * the next start of the engine; what a running container cannot be given is not kept.
 *
 * @returns sentences for the client.
 * @throws {EngineError} `invalid`, `conflict`.
 */
export async function updateContainer(
  context: ContainerContext,
  { id }: Container,
  request: ContainerUpdateRequest,
): Promise<readonly string[]> {
  using _lock = await context.locks.lock(id);
  const container = context.index.get(id);
  if (container.state.status === 'removing' || container.state.status === 'dead')
    throw cannotUpdate(
      id,
      new EngineError('conflict', 'container is marked for removal and cannot be "update"'),
    );
  const { hostConfig, warnings } = change(context, container, request);
  const entry = context.journal.begin(OPERATION, id, { hostConfig });
  context.faults.reach('update.1-journaled');
  try {
    await applyLive(context, container, hostConfig);
    context.faults.reach('update.2-live');
    emitContainerEvent(context, context.index.setHostConfig(id, hostConfig), 'update');
    context.faults.reach('update.3-row');
  } catch (error) {
    await undoLive(context, container, hostConfig);
    throw cannotUpdate(id, error);
  } finally {
    entry.end();
  }
  return warnings;
}

/** At start-up, of what a crash cut. */
export async function redoUpdate(
  context: ContainerContext,
  container: Container,
  { data }: OpenOperation,
): Promise<void> {
  const { hostConfig } = v.parse(JournalData, data);
  try {
    if (context.runtime.state(container.id).status === 'running')
      await changeLimits(context, container, hostConfig);
  } catch (error) {
    const fields = { container: container.id, error: messageOf(error) };
    context.logger.error('cannot change the limits of a running container: restart it', fields);
  }
  context.index.setHostConfig(container.id, hostConfig);
}

export function isUpdateOperation({ operation }: Pick<OpenOperation, 'operation'>): boolean {
  return operation === OPERATION;
}

function change(
  { host }: ContainerContext,
  { id, hostConfig }: Container,
  request: ContainerUpdateRequest,
): ReturnType<typeof changedConfig> {
  try {
    return changedConfig(hostConfig, request, host);
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'conflict') throw cannotUpdate(id, error);
    throw error;
  }
}

async function applyLive(context: ContainerContext, container: Container, after: HostConfig): Promise<void> {
  const { hostConfig: before, state } = container;
  if (!hasProcess(state.status)) return;
  if (LIVE_FIELDS.every(field => before[field] === after[field])) return;
  await changeLimits(context, container, after);
}

async function changeLimits(
  { runtime }: ContainerContext,
  { id, hostConfig: before }: Container,
  after: HostConfig,
): Promise<void> {
  await runtime.update(id, changedResources(before, after), liftedLimits(before, after));
}

/** A part may have been changed: the first that failed ended it. */
async function undoLive(context: ContainerContext, container: Container, tried: HostConfig): Promise<void> {
  try {
    await applyLive(context, { ...container, hostConfig: tried }, container.hostConfig);
  } catch (error) {
    const fields = { container: container.id, error: messageOf(error) };
    context.logger.warn('cannot take back a part of a change of limits', fields);
  }
}

/** Docker's wording. */
function cannotUpdate(id: string, error: unknown): EngineError {
  const kind = error instanceof EngineError ? error.kind : 'internal';
  return new EngineError(kind, `Cannot update container ${id}: ${messageOf(error)}`, { cause: error });
}
