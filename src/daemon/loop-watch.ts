import type { Logger } from '#base/logger';

const RESOLUTION_MS = 5;
/** Longer than this, and every client waits for one. */
const STALL_MS = 50;
const MICROS_PER_MS = 1000;

/**
 * Logs when something held the event loop, and for how much of that time this thread had the processor: the rest it waited
 * for the kernel, or for its turn on a busy machine. Costs a timer 200 times a second: for debugging and tests.
 */
export function watchEventLoop(logger: Logger): Disposable {
  let last = performance.now();
  let lastCpu = threadCpuMs();
  const timer = setInterval(() => {
    const now = performance.now();
    const cpu = threadCpuMs();
    const stalledMs = Math.round(now - last - RESOLUTION_MS);
    if (stalledMs > STALL_MS) {
      logger.debug('the event loop stalled', { stalledMs, cpuMs: Math.round(cpu - lastCpu) });
    }
    last = now;
    lastCpu = cpu;
  }, RESOLUTION_MS).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / MICROS_PER_MS;
}
