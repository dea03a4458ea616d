import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { say } from './messages.ts';

export interface CgroupMount {
  readonly path: string;
  readonly type: 'cgroup' | 'cgroup2';
}

/**
 * On a host with controllers in cgroup v1 hierarchies and a v2 mount beside them, crun refuses to work while any
 * controller is left in v2. Mounts each of those as a v1 hierarchy of its own, as Debian's cgroupfs-mount does.
 * Does nothing on pure v1 and pure v2, nor without root. Until the next boot.
 */
export function repairHybridCgroups(): void {
  for (const controller of controllersLeftInV2(readMounts(), readControllers)) {
    const path = `/sys/fs/cgroup/${controller}`;
    if (process.getuid?.() !== 0) {
      say(
        `! cgroups: ${controller} is split off into cgroup v2, which crun refuses; cure: sudo npm run setup`,
      );
      continue;
    }
    const isNew = !existsSync(path);
    if (isNew) mkdirSync(path);
    const mount = spawnSync('mount', ['-t', 'cgroup', '-o', controller, 'cgroup', path], {
      encoding: 'utf8',
    });
    if (mount.status === 0) {
      say(`cgroups: mounted ${controller} at ${path}, so that crun accepts this host`);
    } else {
      if (isNew) rmdirSync(path);
      say(
        `! cgroups: ${controller} stays in cgroup v2 (${mount.stderr.trim()}): crun refuses that, runc is used instead`,
      );
    }
  }
}

/** Controllers that only the v2 mount of a host with v1 hierarchies offers. */
export function controllersLeftInV2(
  mounts: readonly CgroupMount[],
  controllersOf: (path: string) => readonly string[],
): string[] {
  const unified = mounts.find(mount => mount.type === 'cgroup2');
  const isHybrid = unified !== undefined && mounts.some(mount => mount.type === 'cgroup');
  return isHybrid ? [...controllersOf(unified.path)] : [];
}

/** The cgroup mounts of a mountinfo file (proc_pid_mountinfo(5)). */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap(line => {
    const [before = '', after = ''] = line.split(' - ');
    const type = after.split(' ')[0];
    const path = before.split(' ')[4];
    return (type === 'cgroup' || type === 'cgroup2') && path ? [{ path, type }] : [];
  });
}

function readMounts(): CgroupMount[] {
  return parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
}

function readControllers(path: string): string[] {
  try {
    return readFileSync(`${path}/cgroup.controllers`, 'utf8').split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
}
