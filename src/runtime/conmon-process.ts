import { createMemoryFile, createPipe, OwnedFd, readTail } from '#sys/descriptors';
import { type SpawnedProcess, type SpawnOptions, spawn } from '#sys/spawn';
import { readSyncLine, type SyncMessage } from './sync-pipe.ts';

/** Where conmon is, and where it puts its console sockets (108 bytes at most, with a name of 20). */
export interface ConmonPrograms {
  readonly conmon: string;
  readonly tmpDir: string;
}

export interface RunningConmon extends SpawnedProcess {
  /** Its first report: the process's pid, or why there is none. Called once. */
  report(): Promise<SyncMessage>;
}

/** The pipes of an exec that waits for its client: conmon says when it can connect, and is told when it has. */
export interface AttachGate {
  readonly start: OwnedFd;
  readonly attach: OwnedFd;
}

/** Descriptors in conmon, which makes them close-on-exec itself. */
const START_FD = 3;
const ATTACH_FD = 4;
const SYNC_FD = 5;
/** conmon prints only what it cannot put into a report. */
const MAX_MESSAGE_BYTES = 4096;

/**
 * Starts conmon in its bundle, where it also leaves its `oom` file. The runtime is killed with it as long as it
 * has not reported.
 *
 * @throws {SysError} when it cannot be started.
 */
export function startConmon(
  { conmon, tmpDir }: ConmonPrograms,
  args: readonly string[],
  { bundle, gate }: { readonly bundle: string; readonly gate?: AttachGate | undefined },
): RunningConmon {
  const { reader, writer } = createPipe();
  using reports = writer;
  using messages = createMemoryFile('conmon-messages');
  const env: Record<string, string> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    TMPDIR: tmpDir,
    _OCI_SYNCPIPE: `${SYNC_FD}`,
  };
  const fds = new Map([
    [2, messages.number],
    [SYNC_FD, reports.number],
  ]);
  if (gate) {
    fds.set(START_FD, gate.start.number).set(ATTACH_FD, gate.attach.number);
    env['_OCI_STARTPIPE'] = `${START_FD}`;
    env['_OCI_ATTACHPIPE'] = `${ATTACH_FD}`;
  }
  const child = spawnOrClose(reader, { file: conmon, args, env, cwd: bundle, fds });
  const printed = new OwnedFd(messages.take());
  return { ...child, report: () => readReport(reader, printed) };
}

function spawnOrClose(reader: OwnedFd, options: SpawnOptions): SpawnedProcess {
  try {
    return spawn(options);
  } catch (error) {
    reader[Symbol.dispose]();
    throw error;
  }
}

async function readReport(reader: OwnedFd, printed: OwnedFd): Promise<SyncMessage> {
  using messages = printed;
  return (await readSyncLine(reader)) ?? { value: -1, message: readTail(messages.number, MAX_MESSAGE_BYTES) };
}

/** Kills conmon when the signal fires, after a grace time. Dispose it once that must not happen any more. */
export function killOnAbort(
  conmon: SpawnedProcess,
  signal: AbortSignal | undefined,
  { graceMs = 0 }: { readonly graceMs?: number } = {},
): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const kill = (): void => {
    if (graceMs === 0) conmon.kill('SIGKILL');
    else timer = setTimeout(() => conmon.kill('SIGKILL'), graceMs);
  };
  if (signal?.aborted) kill();
  signal?.addEventListener('abort', kill, { once: true });
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
    },
  };
}
