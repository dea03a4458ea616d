import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#base/errors';
import { createMemoryFile, createPipe, OwnedFd, readTail } from '#sys/descriptors';
import { type SpawnedProcess, type SpawnOptions, spawn } from '#sys/spawn';
import { readSyncLine, type SyncMessage } from './sync-pipe.ts';

export interface ConmonPrograms {
  readonly conmon: string;
  /** where folders for console sockets are made: its path and 40 bytes more must fit into a socket's address */
  readonly ttyDir: string;
}

export interface ConmonPlace {
  readonly bundle: string;
  readonly hasTerminal: boolean;
  readonly gate?: AttachGate;
}

export interface RunningConmon extends SpawnedProcess {
  /** Its first report: the process's pid, or why there is none. Never rejects. */
  readonly report: Promise<SyncMessage>;
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
/**
 * conmon (2.1.6, src/conn_sock.c, `terminate_remote_sock`) looks once more at a client it has freed, when that one went
 * away while it was being written to. After a few of them the C library would have given the memory back to the kernel,
 * and conmon would die of that, and its container with it.
 */
const KEEP_FREED_MEMORY = { MALLOC_TRIM_THRESHOLD_: String(2 ** 40) };
/** conmon prints only what it cannot put into a report. */
const MAX_MESSAGE_BYTES = 4096;

/**
 * Starts conmon in its bundle, where it also leaves its `oom` file. The runtime is killed with it as long as it
 * has not reported.
 *
 * @throws {SysError} when it cannot be started.
 */
export async function startConmon(
  { conmon, ttyDir }: ConmonPrograms,
  args: readonly string[],
  { bundle, hasTerminal, gate }: ConmonPlace,
): Promise<RunningConmon> {
  // conmon leaves its console socket behind when it is killed.
  const consoleDir = hasTerminal ? mkdtempSync(join(ttyDir, 'quai-')) : undefined;
  const { reader, writer } = createPipe();
  using reports = writer;
  using messages = createMemoryFile('conmon-messages');
  const env: Record<string, string> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    _OCI_SYNCPIPE: `${SYNC_FD}`,
    ...KEEP_FREED_MEMORY,
  };
  if (consoleDir !== undefined) env['TMPDIR'] = consoleDir;
  const fds = new Map([
    [2, messages.number],
    [SYNC_FD, reports.number],
  ]);
  if (gate) {
    fds.set(START_FD, gate.start.number).set(ATTACH_FD, gate.attach.number);
    env['_OCI_STARTPIPE'] = `${START_FD}`;
    env['_OCI_ATTACHPIPE'] = `${ATTACH_FD}`;
  }
  const child = await spawnOrClose(reader, { file: conmon, args, env, cwd: bundle, fds });
  const report = readReport(reader, new OwnedFd(messages.take())).finally(() => {
    if (consoleDir !== undefined) rmSync(consoleDir, { recursive: true, force: true });
  });
  return { ...child, report };
}

async function spawnOrClose(reader: OwnedFd, options: SpawnOptions): Promise<SpawnedProcess> {
  try {
    return await spawn(options);
  } catch (error) {
    reader[Symbol.dispose]();
    throw error;
  }
}

async function readReport(reader: OwnedFd, printed: OwnedFd): Promise<SyncMessage> {
  using messages = printed;
  try {
    const line = await readSyncLine(reader);
    return line ?? { value: -1, message: readTail(messages.number, MAX_MESSAGE_BYTES) };
  } catch (error) {
    return { value: -1, message: `cannot read what conmon reports: ${messageOf(error)}` };
  }
}
