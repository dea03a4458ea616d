import { mkdirSync } from 'node:fs';
import type { Abortable } from '#base/abortable';
import { EngineError, messageOf } from '#base/errors';
import { ProcessStartError } from '#runtime/process-runtime';
import type { Container } from './container.ts';
import { checkStart, isAlive, nextState } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { prepareNetwork } from './start-network.ts';
import { prepareRootfs } from './start-rootfs.ts';
import { buildContainerSpec } from './start-spec.ts';
import { inBackground, releaseMounts, releaseRuntime } from './teardown.ts';

const BUNDLE_MODE = 0o700;
const OPERATION = 'start';

export interface StartOptions extends Abortable {
  /** a restart by policy keeps the count that a start by hand resets */
  readonly restartCount?: number;
}

/**
 * Starts a container: root file system, name space and ports, bundle, supervisor, process. All or nothing:
 * what was made is taken down again, in reverse, when a step fails.
 *
 * @throws {EngineError} `notModified` when it runs, `conflict` when it cannot be started as it is, and
 *   whatever a step reports; the container then keeps the reason in its state.
 */
export async function startContainer(
  context: ContainerContext,
  reference: string,
  { signal, restartCount = 0 }: StartOptions = {},
): Promise<Container> {
  const { id } = context.index.get(reference);
  using _lock = await lockForStart(context, id, signal ? { signal } : {});
  await context.teardowns.get(id); // what the last run left is still being removed
  const container = context.index.get(id);
  checkStart(container);
  context.runtime.expectStart();
  const operation = context.journal.begin(OPERATION, id);
  context.faults.reach('start.1-journaled');
  let pid: number;
  try {
    pid = await launch(context, container, signal);
  } catch (error) {
    failed(context, container, error, () => operation.end());
    throw error;
  }
  const started = commit(context, id, { pid, restartCount }, () => operation.end());
  context.faults.reach('start.8-row');
  emitContainerEvent(context, started, 'start');
  return started;
}

/** The container's lock, at a moment when none of its volumes must be quiet. It is not held while waiting for that. */
async function lockForStart(context: ContainerContext, id: string, options: Abortable): Promise<Disposable> {
  for (;;) {
    await context.quietVolumes.free(volumesOf(context, id), options);
    const lock = await context.locks.lock(id, options);
    if (!context.quietVolumes.isHeld(volumesOf(context, id))) return lock;
    lock[Symbol.dispose]();
  }
}

/** One that runs has no start before it: it is told so at once. */
function volumesOf({ index }: ContainerContext, id: string): string[] {
  const container = index.find(id);
  if (!container || isAlive(container.state.status)) return [];
  return container.mounts.flatMap(({ type, name }) =>
    type === 'volume' && name !== undefined ? [name] : [],
  );
}

/** From before its first effect until it runs, or what a failure left is taken down. */
export function isStarting({ journal }: Pick<ContainerContext, 'journal'>, id: string): boolean {
  return journal.open().some(({ operation, subject }) => operation === OPERATION && subject === id);
}

async function launch(
  context: ContainerContext,
  container: Container,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { id, config, hostConfig } = container;
  const abortable = signal ? { signal } : {};
  const paths = context.paths.bundle(id);
  const runtime = hostConfig.Runtime || context.defaults.runtime;
  mkdirSync(paths.bundle, { recursive: true, mode: BUNDLE_MODE });
  await context.turns.pass();
  const mounts = await prepareRootfs(context, container, abortable);
  context.faults.reach('start.2-mounted');
  await context.turns.pass();
  const network = await prepareNetwork(context, container);
  const spec = await buildContainerSpec(context, container, { mounts, network });
  await context.turns.pass();
  context.faults.reach('start.4-bundle');
  const creating = context.runtime.create({
    id,
    paths,
    spec,
    runtime,
    hasTerminal: config.Tty,
    hasStdin: config.OpenStdin,
    closesStdin: config.StdinOnce,
    isLogged: hostConfig.LogConfig.Type !== 'none',
    ...abortable,
  });
  // While the runtime makes the container, on another processor. Both are over before anything is taken down.
  const [attached, created] = await Promise.allSettled([network.attach(abortable), creating]);
  if (attached.status === 'rejected') throw attached.reason;
  context.faults.reach('start.5-endpoints');
  if (created.status === 'rejected') throw created.reason;
  context.faults.reach('start.6-created');
  context.hub.connect(id);
  await context.runtime.start(id, runtime); // point of no return: the process runs
  context.faults.reach('start.7-running');
  return created.value.pid;
}

function commit(
  context: ContainerContext,
  id: string,
  { pid, restartCount }: { readonly pid: number; readonly restartCount: number },
  endOperation: () => void,
): Container {
  const container = context.index.get(id);
  const hasHealthcheck = !['', 'NONE'].includes(container.config.Healthcheck?.Test[0] ?? '');
  const state = nextState(container.state, { type: 'started', pid, at: Date.now(), hasHealthcheck });
  return context.table.transaction(() => {
    endOperation();
    return context.index.update(container.id, { state, restartCount, isManuallyStopped: false });
  });
}

/** Takes down what was made, and keeps the reason where `inspect` and `ps` show it. */
function failed(
  context: ContainerContext,
  container: Container,
  error: unknown,
  endOperation: () => void,
): void {
  const { id, state } = container;
  const exitCode = error instanceof ProcessStartError ? error.exitCode : 128;
  context.networks.release(id);
  context.hub.reject(id, error instanceof Error ? error : new EngineError('internal', messageOf(error)));
  context.index.update(id, {
    state: nextState(state, { type: 'startFailed', exitCode, error: messageOf(error) }),
  });
  inBackground(context, id, async () => {
    await releaseMounts(context, container);
    await releaseRuntime(context, { id, runtime: container.hostConfig.Runtime });
    endOperation();
  });
}
