import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type CgroupSupport, cgroupDirectories, cgroupDirectory } from './cgroup.ts';
import { isErrno } from './sys-error.ts';

/** A group empties within microseconds of its last process being reaped; this is for hosts under load. */
const ATTEMPTS = 200;
const PAUSE_MS = 10;

export interface RemovalOptions {
  /** how often to try, 10 ms apart, while processes are in it; default: for two seconds */
  readonly attempts?: number;
}

/** Processes of a group and of all below it, as this process sees their ids. */
export function cgroupPids(support: CgroupSupport, path: string): readonly number[] {
  // Every process of a container is in all hierarchies; pids is the one that cannot be escaped by delegation.
  const root = cgroupDirectory(support, path, 'pids') ?? cgroupDirectories(support, path)[0];
  return root === undefined ? [] : [...new Set(tree(root).flatMap(pidsOf))];
}

/** Sends SIGKILL to all processes of a group, again until none is left: some may be forking. */
export async function killCgroup(support: CgroupSupport, path: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (support.version === 2 && (await killUnified(support, path)) === 'gone') return;
    const pids = cgroupPids(support, path);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    if (attempt > 0) setFrozen(support, path, false); // with version 1, what is frozen does not die
    await wait(PAUSE_MS);
  }
}

/** Freezes or thaws all processes of a group. @returns `false` when the group is gone or the host cannot. */
export function setFrozen(support: CgroupSupport, path: string, isFrozen: boolean): boolean {
  const directory = cgroupDirectory(support, path, 'freezer');
  if (directory === undefined) return false;
  const [file, frozen, thawed] =
    support.version === 2 ? ['cgroup.freeze', '1', '0'] : ['freezer.state', 'FROZEN', 'THAWED'];
  return tryWrite(join(directory, file), isFrozen ? frozen : thawed);
}

/** Whether all its processes have stopped, which takes a moment after {@link setFrozen}. Also true of a group that is gone. */
export function isFrozen(support: CgroupSupport, path: string): boolean {
  const directory = cgroupDirectory(support, path, 'freezer');
  if (directory === undefined) return true;
  const [file, thawing] =
    support.version === 2 ? ['cgroup.events', /^frozen 0$/m] : (['freezer.state', /^(?!FROZEN)/] as const);
  try {
    return !thawing.test(readFileSync(join(directory, file), 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return true;
    throw error;
  }
}

/** Lets a group have as many processes as the groups above it may. The file is the same in both versions. */
export function liftPidsLimit(support: CgroupSupport, path: string): void {
  const directory = cgroupDirectory(support, path, 'pids');
  if (directory !== undefined) tryWrite(join(directory, 'pids.max'), 'max');
}

/** Lets a group have as much of the processors as the groups above it may. */
export function liftCpuQuota(support: CgroupSupport, path: string): void {
  const directory = cgroupDirectory(support, path, 'cpu');
  if (directory === undefined) return;
  const [file, none] = support.version === 2 ? ['cpu.max', 'max'] : ['cpu.cfs_quota_us', '-1'];
  tryWrite(join(directory, file), none);
}

/**
 * Removes an empty group from all hierarchies, with the groups below it. Happy when it is gone.
 *
 * @throws {SystemError} `EBUSY` when processes stay in it.
 */
export async function removeCgroup(
  support: CgroupSupport,
  path: string,
  { attempts = ATTEMPTS }: RemovalOptions = {},
): Promise<void> {
  for (const root of cgroupDirectories(support, path)) {
    for (const directory of tree(root).toReversed()) await removeOne(directory, attempts);
  }
}

async function removeOne(directory: string, attempts: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await rmdir(directory);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return;
      if (!isErrno(error, 'EBUSY') || attempt >= attempts) throw error;
      await wait(PAUSE_MS);
    }
  }
}

/** cgroup.kill (Linux 5.14) reaches also what forks meanwhile. */
async function killUnified(support: CgroupSupport, path: string): Promise<'gone' | 'killed'> {
  const directory = cgroupDirectories(support, path)[0];
  if (directory === undefined || !existsSync(directory)) return 'gone';
  tryWrite(join(directory, 'cgroup.kill'), '1');
  return 'killed';
}

/** A directory and all below it, parents first. */
function tree(root: string): readonly string[] {
  const found = [root];
  for (let next = 0; next < found.length; next += 1) {
    const directory = found[next] ?? root;
    found.push(...subdirectories(directory).map(name => join(directory, name)));
  }
  return found;
}

function subdirectories(directory: string): readonly string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter(entry => entry.isDirectory()).map(entry => entry.name);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}

function pidsOf(directory: string): readonly number[] {
  try {
    return readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch (error) {
    // A threaded v2 group has no list of its own (EOPNOTSUPP): its root has.
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return [];
    throw error;
  }
}

function kill(pid: number): void {
  try {
    // 0 stands for a process of another pid name space; as a target it would be our own group.
    if (pid > 0) process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

function tryWrite(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'r+' });
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return false;
    throw error;
  }
}
