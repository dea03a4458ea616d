import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { throwIfAborted } from '#base/abortable';
import { createPipe, OwnedFd } from '#sys/descriptors';
import { reapOrphans } from '#sys/orphans';
import { findProcess, type ProcessHandle, signalProcess } from '#sys/process-handle';
import { type SpawnedProcess, spawn } from '#sys/spawn';
import { DirectStreams } from './direct-streams.ts';
import { endOnAbort } from './launch-end.ts';
import type { ExecOptions } from './process-runtime.ts';
import { type RuntimeContext, runtimeProgram } from './runtime-context.ts';
import { startError } from './runtime-message.ts';

const SIGKILL = 9;
/** An exec takes 10 ms; this is for one that hangs, as in a container that is paused. */
const ABORT_GRACE_MS = 2_000;
/** What a process that lost its supervisor ends with, because it is killed. */
const KILLED_CODE = 128 + SIGKILL;
const MAX_MESSAGE_BYTES = 8192;

/** Descriptors in the runtime; the process itself gets the first three only. */
const PID_FD = 3;
const KEPT_STDOUT_FD = 4;
const KEPT_STDERR_FD = 5;
const KEPT_PID_FD = 6;
export const KEPT_FDS = [KEPT_STDOUT_FD, KEPT_STDERR_FD] as const;
/** in the bundle, before anything is started: the runtime, which has the bundle as its working directory, is the supervisor */
export const DIRECT_FILE = 'direct';

export interface DirectExec {
  readonly pid: number;
  readonly streams: DirectStreams;
  /** Its exit code. Never rejects; the streams have ended by then. */
  readonly exited: Promise<number>;
}

/**
 * Runs an attached process without a terminal: the runtime's own `exec` stays as its parent and ends with its exit code,
 * and its streams are pipes of ours. That is one program to start where conmon makes two.
 *
 * When we die, the process goes on, or even starts: the runtime holds the reading ends too, so that writing does not fail, and
 * the next engine finds it by its working directory and reads them from there.
 *
 * @throws {ProcessStartError}
 */
export async function launchDirectExec(
  context: RuntimeContext,
  options: ExecOptions,
  bundle: string,
): Promise<DirectExec> {
  writeFileSync(join(bundle, DIRECT_FILE), '', { mode: 0o600 });
  context.faults.reach('exec.1-files');
  const { child, streams, pidReader } = await startRuntime(context, options, bundle);
  try {
    context.faults.reach('exec.2-started');
    void context.supervisorGroup.take(child.pid);
    const pid = await startedPid({ child, pidReader }, options);
    if (pid === undefined) throw await failure(child, streams, options);
    return { pid, streams, exited: exitCode(child, streams, findProcess(pid)) };
  } catch (error) {
    streams[Symbol.dispose]();
    await child.exited;
    streams.end();
    reapOrphans(); // a runtime that fails waits for nobody
    throw error;
  }
}

async function startRuntime(
  context: RuntimeContext,
  { containerId, runtime, hasStdin }: ExecOptions,
  bundle: string,
): Promise<{ child: SpawnedProcess; streams: DirectStreams; pidReader: OwnedFd }> {
  using stack = new DisposableStack();
  const pipe = (): ReturnType<typeof createPipe> => {
    const { reader, writer } = createPipe();
    stack.use(reader);
    stack.use(writer);
    return { reader, writer };
  };
  const [out, err, pid] = [pipe(), pipe(), pipe()];
  const stdin = hasStdin ? pipe() : undefined;
  const fds = new Map([
    [1, out.writer.number],
    [2, err.writer.number],
    [PID_FD, pid.writer.number],
    [KEPT_STDOUT_FD, out.reader.number],
    [KEPT_STDERR_FD, err.reader.number],
    [KEPT_PID_FD, pid.reader.number],
  ]);
  if (stdin) fds.set(0, stdin.reader.number);
  const root = ['--root', context.layout.stateRoot(runtime)];
  // The runtime writes the pid when everything but the command itself has worked.
  const exec = ['exec', '--pid-file', `/proc/self/fd/${PID_FD}`, '--process', join(bundle, 'process.json')];
  const child = await spawn({
    file: runtimeProgram(context, runtime),
    name: context.layout.program(runtime).path,
    args: [...root, ...exec, containerId],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: bundle,
    fds,
    hasOwnSession: true,
  });
  const streams = new DirectStreams({
    stdout: out.reader,
    stderr: err.reader,
    ...(stdin ? { stdin: stdin.writer } : {}),
  });
  return { child, streams, pidReader: new OwnedFd(pid.reader.take()) };
}

/** @returns undefined when the runtime has failed. @throws the signal's error: then what was started is ended. */
async function startedPid(
  { child, pidReader }: { readonly child: SpawnedProcess; readonly pidReader: OwnedFd },
  { signal }: ExecOptions,
): Promise<number | undefined> {
  // Killed half-way, the runtime may leave a process behind that nobody knows: it gets time to finish.
  using _end = endOnAbort(child.pid, signal, ABORT_GRACE_MS);
  const pid = await readNumber(pidReader);
  if (signal?.aborted && pid !== undefined) {
    const process = findProcess(pid);
    if (process) signalProcess(process, SIGKILL);
  }
  throwIfAborted(signal);
  return pid;
}

async function readNumber(reader: OwnedFd): Promise<number | undefined> {
  const socket = new Socket({ fd: reader.take(), readable: true, writable: false });
  for await (const chunk of socket) {
    const number = Number.parseInt(String(chunk), 10); // a few bytes, which pipes keep together
    return number > 0 ? number : undefined;
  }
  return undefined;
}

/** What the runtime said, which is all that came so far. */
async function failure(child: SpawnedProcess, streams: DirectStreams, options: ExecOptions): Promise<Error> {
  await child.exited;
  streams.end();
  let said = '';
  for await (const { stream, data } of streams.output) {
    if (stream === 'stderr' && said.length < MAX_MESSAGE_BYTES) said += data.toString();
  }
  const { runtime, process } = options;
  return startError(said, { runtime, operation: 'exec', executable: process.args[0] ?? '' });
}

async function exitCode(
  child: SpawnedProcess,
  streams: DirectStreams,
  process: ProcessHandle | undefined,
): Promise<number> {
  const { code } = await child.exited;
  // Without its runtime nobody would learn how it ends, and a new client could not be told from none.
  if (code === undefined && process) signalProcess(process, SIGKILL);
  streams.end();
  return code ?? KILLED_CODE;
}
