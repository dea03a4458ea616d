import { sleep } from '#base/abortable';
import { EngineError } from '#base/errors';
import { findChildren, findProcess, isAlive, type ProcessHandle, signalProcess } from '#sys/process-handle';

const SIGKILL = 9;
const SIGSTOP = 19;
const MAX_PAUSE_MS = 50;
const KILL_TIMEOUT_MS = 10_000;

/**
 * Kills a conmon together with the runtime it has started, and waits until both are gone: a runtime that dies a
 * moment later, by itself, still makes cgroups and files in that moment.
 *
 * @throws {EngineError} `conflict` when the kernel cannot let one of them go: it waits where no signal reaches it.
 */
export async function endLaunch(conmon: ProcessHandle, timeoutMs = KILL_TIMEOUT_MS): Promise<void> {
  signalProcess(conmon, SIGSTOP); // so that it starts nothing after its children were listed
  const processes = [...findChildren(conmon.pid), conmon];
  for (const process of processes) signalProcess(process, SIGKILL);
  await processesEnded(processes, {
    timeoutMs,
    onTimeout: () => {
      const pids = processes.filter(isAlive).map(({ pid }) => pid);
      throw new EngineError(
        'conflict',
        `processes ${pids.join(', ')} cannot be killed: they wait in the kernel`,
      );
    },
  });
}

/** Ends a launch that has not finished some time after the signal fired. Dispose it once it has. */
export function endOnAbort(pid: number, signal: AbortSignal | undefined, graceMs: number): Disposable {
  const conmon = findProcess(pid);
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => void (conmon && endLaunch(conmon).catch(() => undefined)); // removal tries again
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
