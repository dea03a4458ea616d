import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CgroupSupport, cgroupDirectory } from './cgroup.ts';
import { isErrno } from './sys-error.ts';

/**
 * How often the kernel killed a process of the group for memory, at once: for the moment of an exit.
 *
 * @returns undefined when the group is gone, or the host does not count that.
 */
export function countOomKills(support: CgroupSupport, path: string): number | undefined {
  const directory = cgroupDirectory(support, path, 'memory');
  if (directory === undefined) return undefined;
  const file = support.version === 2 ? 'memory.events' : 'memory.oom_control';
  const count = /^oom_kill (\d+)$/m.exec(readIfThere(join(directory, file)))?.[1];
  return count === undefined ? undefined : Number(count);
}

/** Whether a process is in a group, or below it, in any hierarchy (cgroups(7), `/proc/[pid]/cgroup`). */
export function isInCgroup(pid: number, path: string): boolean {
  return listsCgroup(readIfThere(`/proc/${pid}/cgroup`), path);
}

/** The lines are `number:controllers:path`. */
export function listsCgroup(lines: string, path: string): boolean {
  return lines.split('\n').some(line => `${line.split(':').slice(2).join(':')}/`.startsWith(`${path}/`));
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // ENODEV: the group was removed after the file was opened; ESRCH: the process ended.
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ESRCH')) return '';
    throw error;
  }
}
