import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findProcess, signalProcess } from './process-handle.ts';
import { isErrno } from './sys-error.ts';

/** A mounted cgroup hierarchy: cgroups(7) version 2, or one of version 1 with the controllers that it carries. */
export interface CgroupHierarchy {
  readonly directory: string;
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
}

const SIGKILL = 9;

/** The hierarchies of /proc/self/mountinfo (proc_pid_mountinfo(5)), each once. */
export function parseCgroupHierarchies(mountinfo: string): CgroupHierarchy[] {
  const found = new Map<string, CgroupHierarchy>();
  for (const line of mountinfo.split('\n')) {
    const [mount = '', source = ''] = line.split(' - ');
    const directory = mount.split(' ')[4];
    const [type, , options = ''] = source.split(' ');
    if (directory === undefined || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    const version = type === 'cgroup2' ? 2 : 1;
    const controllers = version === 1 ? options.split(',').filter(option => option !== 'rw') : [];
    const key = version === 2 ? 'v2' : controllers.join(',');
    if (!found.has(key)) found.set(key, { directory, version, controllers });
  }
  return [...found.values()];
}

/**
 * One container's cgroup: the same path in every hierarchy, and whatever lies below it.
 *
 * Reads and writes are synchronous: the files are the kernel's, in memory.
 */
export class CgroupTree {
  readonly #hierarchies: readonly CgroupHierarchy[];
  readonly #path: string;

  /** @param path absolute, as in `linux.cgroupsPath` */
  constructor(hierarchies: readonly CgroupHierarchy[], path: string) {
    this.#hierarchies = hierarchies;
    this.#path = path;
  }

  /** The directories that exist. */
  directories(): string[] {
    return this.#hierarchies.map(({ directory }) => join(directory, this.#path)).filter(existsSync);
  }

  /** Whether `pid` is in it, or below it. */
  holds(pid: number): boolean {
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
    return lines.some(line => `${line.split(':').slice(2).join(':')}/`.startsWith(`${this.#path}/`));
  }

  /** How many processes were killed for want of memory; undefined when that is not known any more. */
  oomKills(): number | undefined {
    const directory = this.#directoryOf('memory');
    if (directory === undefined) return undefined;
    for (const file of ['memory.events', 'memory.oom_control']) {
      const count = /^oom_kill (\d+)$/m.exec(readIfThere(join(directory, file)) ?? '')?.[1];
      if (count !== undefined) return Number(count);
    }
    return undefined;
  }

  /**
   * Stops or continues all processes at once.
   *
   * The kernel goes on by itself where a process cannot stop at once (it is in a system call).
   *
   * @throws a system error when there is no such cgroup.
   */
  freeze(isFrozen: boolean): void {
    const directory = this.#directoryOf('freezer');
    const v2 = directory === undefined ? '' : join(directory, 'cgroup.freeze');
    if (existsSync(v2)) writeFileSync(v2, isFrozen ? '1' : '0');
    else writeFileSync(join(directory ?? '/', 'freezer.state'), isFrozen ? 'FROZEN' : 'THAWED');
  }

  /** Kills every process in it, with what they start meanwhile as long as it is called again. @returns how many. */
  kill(): number {
    const pids = new Set<number>();
    for (const directory of this.directories()) {
      writeIfThere(join(directory, 'cgroup.kill'), '1');
      for (const pid of processesBelow(directory)) pids.add(pid);
    }
    for (const pid of pids) {
      const handle = findProcess(pid);
      if (handle) signalProcess(handle, SIGKILL);
    }
    // A frozen process of version 1 only dies when it thaws.
    const freezer = this.#directoryOf('freezer');
    if (pids.size > 0 && freezer !== undefined) writeIfThere(join(freezer, 'freezer.state'), 'THAWED');
    return pids.size;
  }

  /** Removes its directories. @throws {Error} `EBUSY` while processes are in it. */
  async remove(): Promise<void> {
    for (const { directory } of this.#hierarchies) await removeBelow(join(directory, this.#path));
  }

  #directoryOf(controller: string): string | undefined {
    const hierarchy =
      this.#hierarchies.find(({ controllers }) => controllers.includes(controller)) ??
      this.#hierarchies.find(({ version }) => version === 2);
    return hierarchy && join(hierarchy.directory, this.#path);
  }
}

function processesBelow(directory: string): number[] {
  const pids = (readIfThere(join(directory, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number);
  for (const child of childDirectories(directory)) pids.push(...processesBelow(join(directory, child)));
  return pids;
}

function childDirectories(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter(entry => entry.isDirectory()).map(entry => entry.name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Only directories can be removed in a cgroup file system; the files go with them. */
async function removeBelow(directory: string): Promise<void> {
  try {
    await rmdir(directory);
    return;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    if (!isErrno(error, 'EBUSY', 'ENOTEMPTY')) throw error;
  }
  const entries = await readdir(directory, { withFileTypes: true });
  for (const entry of entries) {
    if (entry.isDirectory()) await removeBelow(join(directory, entry.name));
  }
  await rmdir(directory);
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // ENODEV: the cgroup was removed while its file was open; EOPNOTSUPP: a threaded cgroup has no process list.
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP')) return undefined;
    throw error;
  }
}

function writeIfThere(file: string, text: string): void {
  try {
    if (existsSync(file)) writeFileSync(file, text);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENODEV')) throw error;
  }
}
