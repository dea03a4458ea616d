import { existsSync, openSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isInCgroup } from '#sys/cgroup-facts';
import { O_CLOEXEC, O_NONBLOCK, OwnedFd } from '#sys/descriptors';
import {
  findParent,
  findProcess,
  type ProcessHandle,
  signalProcess,
  watchProcess,
} from '#sys/process-handle';
import { isErrno } from '#sys/sys-error';
import type { WorkingDirectories } from '#sys/working-directories';
import { execBundles } from './bundle-files.ts';
import type { ContainerRecord } from './container-records.ts';
import { DIRECT_FILE, KEPT_FDS } from './direct-exec.ts';
import { dropOutput } from './direct-streams.ts';
import { readPidFile } from './pid-file.ts';

const SIGKILL = 9;

/**
 * Takes over the execs that the engine before this one has started: reads and drops the output of those without a conmon,
 * and removes the files of each when it has ended. Nobody is told how: whoever asked for it went away with that engine.
 *
 * That engine may have been killed at any moment of a start, so supervisors are known by what they are started with: the
 * bundle, which was there before, as their working directory. Nobody but root can enter it.
 *
 * @returns what waits for those that run.
 */
export function sweepExecs(
  container: Pick<ContainerRecord, 'bundle' | 'cgroupsPath'>,
  directories: WorkingDirectories,
): Disposable[] {
  return execBundles(container.bundle).flatMap(bundle => {
    const found = directories.processesIn(bundle);
    const isDirect = existsSync(join(bundle, DIRECT_FILE));
    const pipes = isDirect ? found.filter(each => !isChildOf(each, found)).flatMap(keptPipes) : [];
    const process = found.length === 0 ? supervisedProcess(bundle) : undefined;
    if (process && isInCgroup(process.pid, container.cgroupsPath)) signalProcess(process, SIGKILL);
    return [...pipes, ...removeAfter(bundle, process ? [process] : found, pipes)];
  });
}

/** Such as what the runtime has just forked, which is on its way into the container. */
export function isChildOf({ pid }: ProcessHandle, others: readonly ProcessHandle[]): boolean {
  const parent = findParent(pid)?.pid;
  return others.some(other => other.pid === parent);
}

/** The process itself, where its conmon was killed. It does not run on unseen. */
function supervisedProcess(bundle: string): ProcessHandle | undefined {
  const pid = readPidFile(bundle);
  return pid === undefined ? undefined : findProcess(pid);
}

function removeAfter(
  bundle: string,
  processes: readonly ProcessHandle[],
  pipes: readonly Disposable[],
): Disposable[] {
  let running = processes.length;
  const end = (): void => {
    for (const pipe of pipes) pipe[Symbol.dispose]();
    rmSync(bundle, { recursive: true, force: true });
  };
  if (running === 0) end();
  return processes.map(process =>
    watchProcess(process, () => {
      running -= 1;
      if (running === 0) end();
    }),
  );
}

function keptPipes({ pid }: ProcessHandle): Disposable[] {
  return KEPT_FDS.flatMap(fd => openPipe(`/proc/${pid}/fd/${fd}`)).map(dropOutput);
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
