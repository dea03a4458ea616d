import { sleep } from '#base/abortable';
import { findChildren, findProcess, isAlive, type ProcessHandle, signalProcess } from '#sys/process-handle';

const SIGKILL = 9;
const SIGSTOP = 19;
const MAX_PAUSE_MS = 50;

/**
 * Kills a conmon together with the runtime it has started, and waits until both are gone: a runtime that dies a
 * moment later, by itself, still makes cgroups and files in that moment.
 */
export async function endLaunch(conmon: ProcessHandle): Promise<void> {
  signalProcess(conmon, SIGSTOP); // so that it starts nothing after its children were listed
  const processes = [...findChildren(conmon.pid), conmon];
  for (const process of processes) signalProcess(process, SIGKILL);
  await processesEnded(processes);
}

/** Ends a launch that has not finished some time after the signal fired. Dispose it once it has. */
export function endOnAbort(pid: number, signal: AbortSignal | undefined, graceMs: number): Disposable {
  const conmon = findProcess(pid);
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => void (conmon && endLaunch(conmon));
  const onAbort = (): void => void (timer = setTimeout(end, graceMs));
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

/** Waits until none is left; `onTimeout` is called in each round after the time. */
export async function processesEnded(
  processes: readonly ProcessHandle[],
  { timeoutMs = Infinity, onTimeout = () => undefined }: { timeoutMs?: number; onTimeout?: () => void } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let pauseMs = 1; processes.some(isAlive); pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    if (Date.now() > deadline) onTimeout();
    await sleep(pauseMs);
  }
}
