import { EngineError } from '#base/errors';
import type { ContainerConfig } from '#spec/docker/container-config';
import { findSignal, signalNumber } from '#spec/docker/signal-number';
import type { Container } from './container.ts';
import { checkKill, checkStop, nextState } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';

const SIGKILL = 9;
const SIGTERM = 15;
const DEFAULT_STOP_SECONDS = 10;
/** After SIGKILL only the kernel can keep a process: in uninterruptible sleep. */
const KILL_WAIT_MS = 10_000;

export interface StopOptions {
  /** seconds before SIGKILL; negative waits for ever; absent: the container's, or 10 */
  readonly timeoutSeconds?: number;
  readonly stopSignal?: string;
}

/**
 * Asks the process to end, and kills it when it has not after the time-out. The lock is not held meanwhile.
 * Once the signal is sent, a client that leaves does not stop the stop.
 *
 * @throws {EngineError} `notModified` when it does not run, `internal` when it outlives SIGKILL.
 */
export async function stopContainer(
  context: ContainerContext,
  container: Container,
  { timeoutSeconds, stopSignal }: StopOptions,
): Promise<void> {
  const { id, config } = container;
  checkStop(container);
  const number = stopSignal ? signalNumber(stopSignal) : stopSignalOf(config);
  context.index.update(id, { isManuallyStopped: true });
  context.faults.reach('stop.1-marked');
  await endProcess(context, container, { number, seconds: timeoutSeconds ?? stopSeconds(container) });
}

/** How long a container has to end before it is killed; negative: as long as it takes. */
export function stopSeconds({ config }: Pick<Container, 'config'>): number {
  return config.StopTimeout ?? DEFAULT_STOP_SECONDS;
}

/** @throws {EngineError} `internal` when it outlives SIGKILL. */
export async function endProcess(
  context: ContainerContext,
  container: Container,
  { number, seconds }: { readonly number: number; readonly seconds: number },
): Promise<void> {
  const { id } = container;
  const ended = context.waiters.wait(id, 'not-running');
  sendSignal(context, container, number);
  wake(context, id);
  context.faults.reach('stop.2-signalled');
  if (!(await endsWithin(ended, seconds < 0 ? undefined : seconds * 1000))) {
    context.logger.info('container did not stop in time, killing it', { container: id, seconds });
    killAtOnce(context, container);
    if (!(await endsWithin(ended, KILL_WAIT_MS))) {
      throw survived('stop', id);
    }
  }
  context.faults.reach('stop.3-exited');
  emitContainerEvent(context, container, 'stop');
}

/**
 * Sends a signal. After SIGKILL it waits for the end, because clients take the container for ended then.
 *
 * @throws {EngineError} `conflict` when it does not run, `invalid` for a signal nobody knows, `internal` when it
 *   outlives SIGKILL.
 */
export async function killContainer(
  context: ContainerContext,
  container: Container,
  signalName: string | undefined,
): Promise<void> {
  const number = signalNumber(signalName || 'SIGKILL');
  checkKill(container);
  const ended = number === SIGKILL ? context.waiters.wait(container.id, 'not-running') : undefined;
  const isEnd = number === SIGKILL || number === stopSignalOf(container.config);
  if (isEnd) context.index.update(container.id, { isManuallyStopped: true });
  sendSignal(context, container, number);
  if (isEnd) wake(context, container.id);
  if (ended && !(await endsWithin(ended, KILL_WAIT_MS))) throw survived('kill', container.id);
}

/** SIGKILL, also to a container that is paused. */
export function killAtOnce(context: ContainerContext, container: Container): void {
  sendSignal(context, container, SIGKILL);
  wake(context, container.id);
}

function sendSignal(context: ContainerContext, container: Container, number: number): void {
  context.runtime.kill(container.id, number);
  emitContainerEvent(context, container, 'kill', { signal: String(number) });
}

/** A frozen process does not see a signal; with version 1 of cgroups it does not even die. Docker wakes it too. */
function wake(context: ContainerContext, id: string): void {
  const current = context.index.find(id);
  if (current?.state.status !== 'paused') return;
  context.runtime.resume(id);
  const state = nextState(current.state, { type: 'unpaused' });
  emitContainerEvent(context, context.index.update(id, { state }), 'unpause');
}

function survived(action: 'stop' | 'kill', id: string): EngineError {
  return new EngineError(
    'internal',
    `cannot ${action} container: ${id}: tried to kill container, but did not receive an exit event`,
  );
}

/** @returns whether it ended; `undefined` as time means no limit. */
async function endsWithin(ended: Promise<unknown>, ms: number | undefined): Promise<boolean> {
  const limit = Promise.withResolvers<'late'>();
  const timer = ms === undefined ? undefined : setTimeout(limit.resolve, ms, 'late');
  try {
    return (await Promise.race([ended, limit.promise])) !== 'late';
  } finally {
    clearTimeout(timer);
  }
}

/** An image may say anything; a container of it must be possible to stop. */
export function stopSignalOf({ StopSignal }: Pick<ContainerConfig, 'StopSignal'>): number {
  return findSignal(StopSignal) ?? SIGTERM;
}
