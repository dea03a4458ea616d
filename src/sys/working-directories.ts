import { readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { findProcess, type ProcessHandle } from './process-handle.ts';
import { isErrno } from './sys-error.ts';

/** Who is where: the working directories of all processes, as they are when it is first asked. */
export class WorkingDirectories {
  #pids: ReadonlyMap<string, readonly number[]> | undefined;

  /**
   * The processes whose working directory is this one: not those for which only its name is the same, as in a container
   * that has a directory of that name.
   */
  processesIn(directory: string): ProcessHandle[] {
    this.#pids ??= pidsByDirectory();
    const pids = this.#pids.get(directory) ?? [];
    if (pids.length === 0) return [];
    const here = statSync(directory);
    return pids.flatMap(pid => (isIn(pid, here) ? (findProcess(pid) ?? []) : []));
  }
}

/** The names only: looking at the directories themselves could wait for a file system that hangs. */
function pidsByDirectory(): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const directory = ifThere(() => readlinkSync(`/proc/${pid}/cwd`));
    if (directory === undefined) continue;
    const pids = found.get(directory);
    if (pids) pids.push(pid);
    else found.set(directory, [pid]);
  }
  return found;
}

function isIn(pid: number, { dev, ino }: Stats): boolean {
  const there = ifThere(() => statSync(`/proc/${pid}/cwd`));
  return there?.dev === dev && there.ino === ino;
}

/** `undefined` for a process that has ended, or is the kernel's. */
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined;
    throw error;
  }
}
