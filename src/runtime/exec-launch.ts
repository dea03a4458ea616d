import { mkdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { throwIfAborted } from '#base/abortable';
import { createPipe } from '#sys/descriptors';
import { findProcess, type ProcessHandle, signalProcess } from '#sys/process-handle';
import { connectAttach } from './attach-connection.ts';
import { openStreams } from './attached-streams.ts';
import { execBundle } from './bundle-files.ts';
import { conmonArguments } from './conmon-command.ts';
import { type RunningConmon, startConmon } from './conmon-process.ts';
import { launchDirectExec } from './direct-exec.ts';
import { endOnAbort } from './launch-end.ts';
import { readPidFile } from './pid-file.ts';
import type { AttachedStreams, BundlePaths, ExecOptions, StartedExec } from './process-runtime.ts';
import { type RuntimeContext, runtimeProgram } from './runtime-context.ts';
import { startError } from './runtime-message.ts';
import { readSyncLine } from './sync-pipe.ts';

const SIGKILL = 9;
/** An exec takes 10 ms; this is for one that hangs, as in a container that is paused. */
const ABORT_GRACE_MS = 2_000;
/** What a process that lost its conmon ends with, because it is killed. */
const KILLED_CODE = 128 + SIGKILL;

/**
 * Runs a process in a container. One with a terminal, or without a client, is supervised by conmon, which starts the
 * runtime's `exec`; with a client, conmon waits before that until the client is connected. Any other is supervised by the
 * runtime itself, where that is small.
 *
 * @throws {ProcessStartError}
 */
export async function launchExec(context: RuntimeContext, options: ExecOptions): Promise<StartedExec> {
  throwIfAborted(options.signal);
  const bundle = execBundle(options.paths, options.execId);
  mkdirSync(bundle, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(join(bundle, 'process.json'), JSON.stringify(options.process), { mode: 0o600 });
    if (isDirect(context, options)) {
      const { pid, streams, exited } = await launchDirectExec(context, options, bundle);
      const paths: BundlePaths = { bundle, log: '' };
      return { pid, paths, streams, exited: exited.finally(() => removeFiles(bundle)) };
    }
    const started = await startExec(context, options, bundle);
    const process = findProcess(started.pid);
    const exited = started.conmon.exited.then(() => finish(bundle, options.containerId, process));
    const { pid, streams } = started;
    const paths: BundlePaths = { bundle, log: '' };
    return streams ? { pid, paths, streams, exited } : { pid, paths, exited };
  } catch (error) {
    removeFiles(bundle);
    throw error;
  }
}

/** runc takes ten times the memory of conmon while it waits. */
function isDirect({ layout }: RuntimeContext, { runtime, isAttached, hasTerminal }: ExecOptions): boolean {
  return isAttached && !hasTerminal && layout.program(runtime).gate === 'crun';
}

function removeFiles(bundle: string): void {
  rmSync(bundle, { recursive: true, force: true });
}

interface ConmonForExec {
  readonly conmon: RunningConmon;
  /** connects the client, after which the process starts; undefined when conmon has failed */
  readonly connect: () => Promise<AttachedStreams | undefined>;
}

async function startExec(
  context: RuntimeContext,
  options: ExecOptions,
  bundle: string,
): Promise<{ readonly conmon: RunningConmon; readonly pid: number; readonly streams?: AttachedStreams }> {
  const { signal } = options;
  const { conmon, connect } = options.isAttached
    ? await startGated(context, options, bundle)
    : await startAlone(context, options, bundle);
  // Killed half-way, the runtime may leave a process behind that nobody knows: it gets time to finish.
  using _end = endOnAbort(conmon.pid, signal, ABORT_GRACE_MS);
  let streams: AttachedStreams | undefined;
  try {
    streams = await connect();
    const pid = await reportedPid(conmon, options);
    return streams ? { conmon, pid, streams } : { conmon, pid };
  } catch (error) {
    streams?.[Symbol.dispose]();
    await conmon.exited; // it writes into its folder until then
    throw error;
  }
}

async function startAlone(
  context: RuntimeContext,
  options: ExecOptions,
  bundle: string,
): Promise<ConmonForExec> {
  const { hasTerminal } = options;
  const conmon = await startConmon(context.programs, execArguments(context, options, bundle), {
    bundle,
    hasTerminal,
  });
  context.faults.reach('exec.3-conmon');
  void context.supervisorGroup.take(conmon.pid);
  return { conmon, connect: () => Promise.resolve(undefined) };
}

async function startGated(
  context: RuntimeContext,
  options: ExecOptions,
  bundle: string,
): Promise<ConmonForExec> {
  const { hasTerminal, signal } = options;
  const start = createPipe();
  const attach = createPipe();
  const gate = { start: start.reader, attach: attach.writer };
  try {
    // conmon reads this one before anything else, and the one after the connection before it runs the process.
    writeSync(start.writer.number, '+');
    const args = [...execArguments(context, options, bundle), '--exec-attach'];
    const conmon = await startConmon(context.programs, args, { bundle, hasTerminal, gate });
    void context.supervisorGroup.take(conmon.pid);
    const connect = async (): Promise<AttachedStreams | undefined> => {
      using door = start.writer;
      try {
        if ((await readSyncLine(attach.reader)) === undefined) return undefined;
        throwIfAborted(signal);
        const streams = openStreams(connectAttach(bundle), { isAlive: () => isStartingOrAlive(bundle) });
        writeSync(door.number, '+');
        return streams;
      } catch (error) {
        conmon.kill('SIGKILL'); // before the end of the pipe lets the process run
        throw error;
      }
    };
    return { conmon, connect };
  } catch (error) {
    start.writer[Symbol.dispose]();
    attach.reader[Symbol.dispose]();
    throw error;
  } finally {
    gate.start[Symbol.dispose]();
    gate.attach[Symbol.dispose]();
  }
}

function isStartingOrAlive(bundle: string): boolean {
  const pid = readPidFile(bundle);
  return pid === undefined || findProcess(pid) !== undefined;
}

function execArguments(context: RuntimeContext, options: ExecOptions, bundle: string): string[] {
  return conmonArguments(
    {
      containerId: options.containerId,
      processId: options.execId,
      bundle,
      // conmon names the file after the container, also for an exec.
      exitDir: bundle,
      runtimePath: runtimeProgram(context, options.runtime),
      runtimeRoot: context.layout.stateRoot(options.runtime),
      hasTerminal: options.hasTerminal,
      hasStdin: options.hasStdin,
      closesStdin: true,
    },
    join(bundle, 'process.json'),
  );
}

/** @throws {ProcessStartError}, or the signal's error: then what was started is ended. */
async function reportedPid(
  conmon: RunningConmon,
  { runtime, process, signal }: ExecOptions,
): Promise<number> {
  const { value, message } = await conmon.report;
  if (value > 0 && !signal?.aborted) return value;
  const started = value > 0 ? findProcess(value) : undefined;
  if (started) signalProcess(started, SIGKILL);
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
