import { lstatSync, rmSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import * as v from 'valibot';
import { codeOf } from '#base/errors';
import type { ProcessExit } from '#runtime/process-runtime';
import type { OpenOperation } from '#store/journal';
import type { Container } from './container.ts';
import { hasProcess, nextState } from './container-machine.ts';
import type { ContainerContext } from './context.ts';
import { unmakeMounts } from './mount-maker.ts';
import { isPortOperation, redoPortConfig } from './port-change.ts';
import { removeFiles, removeLocked, removeVolumes } from './remover.ts';
import { isUpdateOperation, redoUpdate } from './resource-update.ts';
import { startsWithDaemon } from './restart-policy.ts';
import { releaseRuntime, teardown } from './teardown.ts';
import { settleHold } from './volume-hold.ts';

/** The code of a process whose end nobody saw: the machine went down, or its supervisor was killed (as Docker). */
const UNKNOWN_EXIT_CODE = 255;

const RemovalData = v.object({ volumes: v.array(v.string()) });

export interface Restored {
  /** containers whose process is alive and was adopted */
  readonly running: readonly Container[];
  /** containers whose process ended without an exit file: to be booked as ended now */
  readonly lost: readonly ProcessExit[];
}

/**
 * Makes memory and database agree with what conmon and the kernel say after a start of the engine: unfinished
 * operations are undone or redone, live processes adopted. What ended meanwhile is told by its exit file, later.
 */
export async function restoreContainers(
  context: ContainerContext,
  hasExited: ReadonlySet<string>,
): Promise<Restored> {
  context.index.load();
  for (const operation of context.journal.open()) await settle(context, operation);
  const running: Container[] = [];
  const lost: ProcessExit[] = [];
  for (const container of context.index.all()) {
    if (!hasProcess(container.state.status)) continue;
    if (context.runtime.state(container.id).status === 'running') {
      agreeOnPause(context, container);
      running.push(container);
    } else if (!hasExited.has(container.id)) lost.push(lostExit(container));
  }
  context.logger.info('containers restored', {
    total: context.index.all().length,
    running: running.length,
    lost: lost.length,
  });
  return { running, lost };
}

/** An engine that ended between the kernel's part of a pause, or of its end, and the row: the row holds. */
function agreeOnPause({ runtime, logger }: ContainerContext, { id, state }: Container): void {
  try {
    if (state.status === 'paused') runtime.pause(id);
    else runtime.resume(id);
  } catch (error) {
    logger.warn('cannot make a container as paused as its record says', { container: id, error });
  }
}

function lostExit({ id }: Container): ProcessExit {
  return { id, code: UNKNOWN_EXIT_CODE, exitedAt: Date.now(), isOomKilled: false };
}

/** Undoes or redoes one operation that was cut. */
async function settle(context: ContainerContext, operation: OpenOperation): Promise<void> {
  const id = operation.subject;
  const container = context.index.find(id);
  context.logger.info('settling an operation that was cut', {
    operation: operation.operation,
    container: id,
  });
  if (operation.operation === 'hold' && container) settleHold(context, container);
  if (operation.operation === 'start' && container) await settleStart(context, container);
  if (operation.operation === 'create' && !container) {
    await unmakeMounts(id, context);
    await removeFiles(context, id);
  }
  if (operation.operation === 'remove') {
    if (container) await removeLocked(context, container, { volumes: removedVolumes(operation).length > 0 });
    else await removeRests(context, operation);
  }
  if (isUpdateOperation(operation) && container) await redoUpdate(context, container, operation);
  if (isPortOperation(operation)) {
    redoPortConfig(context, operation);
    return; // its other half waits for the networks
  }
  context.journal.end(operation.id);
}

/** A process that runs was wanted: it is adopted. One that still waits for its start is taken down. */
async function settleStart(context: ContainerContext, container: Container): Promise<void> {
  const { status, pid } = context.runtime.state(container.id);
  if (container.state.status === 'running') return;
  if (status !== 'running') {
    await teardown(context, container);
    return;
  }
  const hasHealthcheck = !['', 'NONE'].includes(container.config.Healthcheck?.Test[0] ?? '');
  const started = { type: 'started', pid: pid ?? 0, at: Date.now(), hasHealthcheck } as const;
  context.index.update(container.id, { state: nextState(container.state, started) });
}

async function removeRests(context: ContainerContext, operation: OpenOperation): Promise<void> {
  const id = operation.subject;
  context.networks.release(id);
  await sweepBundle(context, id);
  await removeVolumes(context, id, removedVolumes(operation));
  await removeFiles(context, id);
}

function removedVolumes({ data }: OpenOperation): readonly string[] {
  return v.parse(RemovalData, data).volumes;
}

/** What should start together with the engine, by its restart policy. */
export function containersToStart(context: ContainerContext): Container[] {
  return context.index
    .all()
    .filter(container => container.state.status === 'restarting' || startsWithDaemon(container));
}

/**
 * Removes `--rm` containers that do not run and never will.
 *
 * @param inherited IDs of the containers that were there before the first request
 */
export async function removeForgotten(
  context: ContainerContext,
  inherited: ReadonlySet<string>,
): Promise<void> {
  for (const { id } of context.index.all().filter(container => isForgotten(container, inherited))) {
    using _lock = await context.locks.lock(id);
    const container = context.index.find(id); // somebody may have started or removed it meanwhile
    if (container && isForgotten(container, inherited))
      await removeLocked(context, container, { volumes: true });
  }
}

/** Whoever made a container since the engine answers is about to start it. */
export function isForgotten(
  {
    id,
    hostConfig,
    state,
  }: Pick<Container, 'id'> & {
    readonly hostConfig: Pick<Container['hostConfig'], 'AutoRemove'>;
    readonly state: Pick<Container['state'], 'status'>;
  },
  inherited: ReadonlySet<string>,
): boolean {
  return inherited.has(id) && hostConfig.AutoRemove && !hasProcess(state.status);
}

/** Removes bundles, directories and snapshots that no container owns. */
export async function sweepContainers(context: ContainerContext): Promise<void> {
  for (const id of await list(context.paths.bundlesDir)) {
    if (!needsBundle(context, id)) await sweepBundle(context, id);
  }
  for (const id of await list(context.paths.containersDir)) {
    if (context.index.find(id)?.id !== id && !context.journal.open().some(({ subject }) => subject === id)) {
      await rm(context.paths.directory(id), { recursive: true, force: true });
    }
  }
  await context.snapshots.sweep(
    key => context.index.find(key)?.id === key || context.isSnapshotUsed?.(key) === true,
  );
}

function needsBundle(context: ContainerContext, id: string): boolean {
  if (context.views.has(id)) return true;
  const container = context.index.find(id);
  if (container?.id !== id) return false;
  if (context.locks.isLocked(id) || context.teardowns.has(id)) return true; // somebody is at work on it
  return hasProcess(container.state.status);
}

async function sweepBundle(context: ContainerContext, id: string): Promise<void> {
  context.mounts.unmount(context.paths.rootfs(id));
  context.mounts.unmount(context.paths.shm(id));
  if (id.startsWith('view-')) removeIfFile(context.paths.shm(id)); // see root-view
  const hostConfig = context.index.find(id)?.hostConfig;
  await releaseRuntime(context, { id, runtime: hostConfig?.Runtime ?? '' });
}

function removeIfFile(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) rmSync(path);
}

async function list(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
