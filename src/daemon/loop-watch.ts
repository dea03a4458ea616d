import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Logger } from '#base/logger';

const RESOLUTION_MS = 5;
const LOOK_EVERY_MS = 1000;
/** Longer than this, and every client waits for one. */
const STALL_MS = 50;
const NANOS_PER_MS = 1e6;

/** Logs when something held the event loop. Costs a timer 200 times a second: for debugging and tests. */
export function watchEventLoop(logger: Logger): Disposable {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const timer = setInterval(() => {
    const stalledMs = Math.round(delays.max / NANOS_PER_MS - RESOLUTION_MS);
    if (stalledMs > STALL_MS) logger.debug('the event loop stalled', { stalledMs });
    delays.reset();
  }, LOOK_EVERY_MS).unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      delays.disable();
    },
  };
}
