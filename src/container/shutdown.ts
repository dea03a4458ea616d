import { messageOf } from '#base/errors';
import { Semaphore } from '#base/semaphore';
import type { Container } from './container.ts';
import { hasProcess } from './container-machine.ts';
import type { ContainerContext } from './context.ts';
import { endProcess, stopSeconds, stopSignalOf } from './stopper.ts';

/** Most of the time is waiting. */
const STOPS_AT_A_TIME = 100;
/** What may take for ever does not when the machine goes down. */
const LONGEST_SECONDS = 300;
/** What comes after the last signal: the kernel's part, and the row. */
const MARGIN_MS = 15_000;

/** How long {@link stopForShutdown} takes at most. */
export function shutdownLimitMs(context: ContainerContext): number {
  const running = runningContainers(context);
  const seconds = Math.max(0, ...running.map(secondsFor));
  return Math.ceil(running.length / STOPS_AT_A_TIME) * seconds * 1000 + MARGIN_MS;
}

/**
 * Ends all containers because the machine goes down, each by its signal and within its time. They count as cut off, not
 * as stopped by somebody: restart policies hold when the machine is up again.
 */
export async function stopForShutdown(context: ContainerContext): Promise<void> {
  const places = new Semaphore(STOPS_AT_A_TIME);
  const running = runningContainers(context);
  context.logger.info('the machine goes down: containers are stopped', { running: running.length });
  await Promise.all(running.map(container => places.run(() => stop(context, container))));
}

async function stop(context: ContainerContext, container: Container): Promise<void> {
  try {
    await endProcess(context, container, {
      number: stopSignalOf(container.config),
      seconds: secondsFor(container),
    });
  } catch (error) {
    context.logger.warn('cannot stop a container', { container: container.id, error: messageOf(error) });
  }
}

function runningContainers({ index }: ContainerContext): Container[] {
  return index.all().filter(({ state }) => hasProcess(state.status));
}

function secondsFor(container: Container): number {
  const seconds = stopSeconds(container);
  return seconds < 0 ? LONGEST_SECONDS : Math.min(seconds, LONGEST_SECONDS);
}
