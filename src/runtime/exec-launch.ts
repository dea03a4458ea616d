import { mkdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { throwIfAborted } from '#base/abortable';
import { createPipe, type OwnedFd } from '#sys/descriptors';
import { findProcess, type ProcessHandle, signalProcess } from '#sys/process-handle';
import { connectAttach, openStreams } from './attached-streams.ts';
import { conmonArguments } from './conmon-command.ts';
import { killOnAbort, type RunningConmon, startConmon } from './conmon-process.ts';
import type { AttachedStreams, BundlePaths, ExecOptions, StartedExec } from './process-runtime.ts';
import type { RuntimeContext } from './runtime-context.ts';
import { execBundle } from './runtime-layout.ts';
import { startError } from './runtime-message.ts';
import { readSyncLine } from './sync-pipe.ts';

const SIGKILL = 9;
/** An exec takes 10 ms; this is for one that hangs, as in a container that is paused. */
const ABORT_GRACE_MS = 2_000;
/** What a process that lost its conmon ends with, because it is killed. */
const KILLED_CODE = 128 + SIGKILL;

/**
 * Runs a process in a container: conmon starts the runtime's `exec` and supervises what that leaves running. With
 * a client, conmon waits before that until the client is connected.
 *
 * @throws {ProcessStartError}
 */
export async function launchExec(context: RuntimeContext, options: ExecOptions): Promise<StartedExec> {
  throwIfAborted(options.signal);
  const bundle = execBundle(options.paths, options.execId);
  mkdirSync(bundle, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(join(bundle, 'process.json'), JSON.stringify(options.process), { mode: 0o600 });
    const { conmon, streams } = await startAttached(context, options, bundle);
    const pid = await execPid(conmon, streams, options);
    const process = findProcess(pid);
    const exited = conmon.exited.then(() => finish(bundle, options.containerId, process));
    const paths: BundlePaths = { bundle, log: '' };
    return streams ? { pid, paths, streams, exited } : { pid, paths, exited };
  } catch (error) {
    rmSync(bundle, { recursive: true, force: true });
    throw error;
  }
}

async function startAttached(
  context: RuntimeContext,
  options: ExecOptions,
  bundle: string,
): Promise<{ readonly conmon: RunningConmon; readonly streams?: AttachedStreams }> {
  const args = conmonArguments(
    {
      containerId: options.containerId,
      processId: options.execId,
      bundle,
      // conmon names the file after the container, also for an exec.
      exitDir: bundle,
      runtimePath: context.layout.program(options.runtime).path,
      runtimeRoot: context.layout.stateRoot(options.runtime),
      hasTerminal: options.hasTerminal,
      hasStdin: options.hasStdin,
      closesStdin: true,
    },
    join(bundle, 'process.json'),
  );
  if (!options.isAttached) return { conmon: startConmon(context.programs, args, { bundle }) };
  using start = pipe();
  using attach = pipe();
  // conmon reads this one before anything else, and the one after the connection before it runs the process.
  writeSync(start.writer.number, '+');
  const conmon = startConmon(context.programs, [...args, '--exec-attach'], {
    bundle,
    gate: { start: start.reader, attach: attach.writer },
  });
  attach.writer[Symbol.dispose]();
  using _killer = killOnAbort(conmon, options.signal);
  // Nothing: conmon has failed, its report tells why.
  if ((await readSyncLine(attach.reader)) === undefined) return { conmon };
  try {
    throwIfAborted(options.signal);
    const streams = openStreams(connectAttach(bundle));
    writeSync(start.writer.number, '+');
    return { conmon, streams };
  } catch (error) {
    conmon.kill('SIGKILL'); // the end of the pipe would let the process run
    await conmon.exited;
    throw error;
  }
}

/** Both ends of a pipe, to be disposed together. */
function pipe(): { readonly reader: OwnedFd; readonly writer: OwnedFd } & Disposable {
  const ends = createPipe();
  return {
    ...ends,
    [Symbol.dispose]: () => {
      ends.reader[Symbol.dispose]();
      ends.writer[Symbol.dispose]();
    },
  };
}

async function execPid(
  conmon: RunningConmon,
  streams: AttachedStreams | undefined,
  { runtime, process, signal }: ExecOptions,
): Promise<number> {
  // Killed half-way, the runtime may leave a process behind that nobody knows: it gets time to finish.
  using _killer = killOnAbort(conmon, signal, { graceMs: ABORT_GRACE_MS });
  const { value, message } = await conmon.report();
  if (value > 0 && !signal?.aborted) return value;
  streams?.[Symbol.dispose]();
  const started = value > 0 ? findProcess(value) : undefined;
  if (started) signalProcess(started, SIGKILL);
  await conmon.exited; // it writes into its folder until then
  throwIfAborted(signal);
  throw startError(message, { runtime, operation: 'exec', executable: process.args[0] ?? '' });
}

/** Reads the exit code conmon left. Without one conmon was killed, and the process must not run on unseen. */
function finish(bundle: string, containerId: string, process: ProcessHandle | undefined): number {
  const code = readExitCode(join(bundle, containerId));
  if (code === undefined && process) signalProcess(process, SIGKILL);
  rmSync(bundle, { recursive: true, force: true });
  return code ?? KILLED_CODE;
}

function readExitCode(file: string): number | undefined {
  try {
    const code = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return Number.isInteger(code) ? code & 0xff : undefined;
  } catch {
    return undefined; // no file: conmon did not get to write it
  }
}
