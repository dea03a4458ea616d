import { openSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { O_CLOEXEC, O_NONBLOCK, OwnedFd } from '#sys/descriptors';
import { findProcess, isAlive, type ProcessHandle, watchProcess } from '#sys/process-handle';
import { isErrno } from '#sys/sys-error';
import { execBundles } from './bundle-files.ts';
import { KEPT_FDS, SUPERVISOR_FILE } from './direct-exec.ts';
import { dropOutput } from './direct-streams.ts';
import { readPidFile } from './pid-file.ts';

/** conmon still writes the exit code there. */
const CONMON_MS = 500;

const Supervisor = v.pipe(v.string(), v.parseJson(), v.object({ pid: v.number(), startTicks: v.number() }));

/**
 * Takes over the execs that the engine before this one has started: reads and drops the output of those without a conmon,
 * and removes the files of each when it has ended. Nobody is told how: whoever asked for it went away with that engine.
 *
 * @returns what waits for those that run.
 */
export function sweepExecs(containerBundle: string): Disposable[] {
  return execBundles(containerBundle).flatMap(bundle => {
    const supervisor = readSupervisor(bundle);
    return supervisor ? sweepDirect(bundle, supervisor) : sweepSupervised(bundle);
  });
}

function sweepSupervised(bundle: string): Disposable[] {
  const pid = readPidFile(bundle);
  const process = pid === undefined ? undefined : findProcess(pid);
  if (process) return [watchProcess(process, () => setTimeout(() => remove(bundle), CONMON_MS).unref())];
  remove(bundle);
  return [];
}

function sweepDirect(bundle: string, supervisor: ProcessHandle): Disposable[] {
  if (!isAlive(supervisor)) {
    remove(bundle);
    return [];
  }
  const pipes = KEPT_FDS.flatMap(fd => openPipe(`/proc/${supervisor.pid}/fd/${fd}`)).map(dropOutput);
  const watch = watchProcess(supervisor, () => {
    for (const pipe of pipes) pipe[Symbol.dispose]();
    remove(bundle);
  });
  return [watch, ...pipes];
}

/** The end of a pipe that another process has open. */
function openPipe(path: string): OwnedFd[] {
  try {
    if (!readlinkSync(path).startsWith('pipe:')) return [];
    return [new OwnedFd(openSync(path, O_NONBLOCK | O_CLOEXEC))];
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []; // it has ended just now
    throw error;
  }
}

function readSupervisor(bundle: string): ProcessHandle | undefined {
  try {
    return v.parse(Supervisor, readFileSync(join(bundle, SUPERVISOR_FILE), 'utf8'));
  } catch (error) {
    // None, or the engine was killed while it wrote the file.
    if (isErrno(error, 'ENOENT') || error instanceof v.ValiError) return undefined;
    throw error;
  }
}

function remove(bundle: string): void {
  rmSync(bundle, { recursive: true, force: true });
}
