import { setTimeout as delay } from 'node:timers/promises';
import { newId } from '#base/ids';
import type { StartedExec } from '#runtime/process-runtime';
import { findProcess, signalProcess } from '#sys/process-handle';
import type { Container, ExecRequest } from './container.ts';
import type { ContainerContext } from './context.ts';
import type { ExecProcessBuilder } from './exec-manager.ts';
import type { ProbeResult } from './health-monitor.ts';

const SIGKILL = 9;
/** Enough for what is kept; the rest of the output is read and dropped. */
const KEPT_BYTES = 8192;
/** After the command's end its children may still hold the output open: they are not waited for. */
const OUTPUT_GRACE_MS = 100;
/** What prints more is slowed down: an image must not keep the engine busy with output that nobody will see. */
const FREE_BYTES = 1024 * 1024;
const PACE_MS = 10;

/** Runs one health check inside a container; it is killed after `timeoutMs` or when the signal fires. */
export async function runHealthProbe(
  context: ContainerContext,
  buildProcess: ExecProcessBuilder,
  container: Container,
  {
    command,
    timeoutMs,
    signal,
  }: { readonly command: readonly string[]; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ProbeResult> {
  const started = await context.runtime.exec({
    containerId: container.id,
    execId: newId(),
    paths: context.paths.bundle(container.id),
    process: buildProcess(container, probeRequest(command)),
    runtime: container.hostConfig.Runtime || context.defaults.runtime,
    hasTerminal: false,
    hasStdin: false,
    isAttached: true,
  });
  const output = collect(started);
  const limit = AbortSignal.timeout(timeoutMs);
  const kill = (): void => {
    const handle = findProcess(started.pid);
    if (handle) signalProcess(handle, SIGKILL);
  };
  limit.addEventListener('abort', kill, { once: true });
  signal.addEventListener('abort', kill, { once: true });
  const exitCode = await started.exited;
  limit.removeEventListener('abort', kill);
  signal.removeEventListener('abort', kill);
  await Promise.race([output.ended, delay(OUTPUT_GRACE_MS)]);
  started.streams?.[Symbol.dispose]();
  return { exitCode, output: output.text(), isTimedOut: limit.aborted };
}

function probeRequest(command: readonly string[]): ExecRequest {
  return {
    command,
    env: [],
    workingDir: '',
    user: '',
    isPrivileged: false,
    hasTerminal: false,
    hasStdin: false,
    hasStdout: true,
    hasStderr: true,
    detachKeys: '',
  };
}

function collect({ streams }: StartedExec): { readonly ended: Promise<void>; text(): string } {
  const chunks: Buffer[] = [];
  let size = 0;
  const read = async (): Promise<void> => {
    for await (const { data } of streams?.output ?? []) {
      if (size < KEPT_BYTES) chunks.push(data.subarray(0, KEPT_BYTES - size));
      size += data.length;
      if (size > FREE_BYTES) await delay(PACE_MS);
    }
  };
  // What was read until the streams broke is the output.
  return { ended: read().catch(() => undefined), text: () => Buffer.concat(chunks).toString() };
}
