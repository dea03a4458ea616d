import { type Finding, fine, missing, warning } from './finding.ts';
import type { Host } from './host.ts';

const WANTED = ['cpu', 'cpuset', 'io', 'memory', 'pids'];
/** v1 names of the same; `io` was `blkio`. */
const WANTED_V1 = ['blkio', 'cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'memory', 'pids'];

/** Which cgroup version the host runs, and which controllers containers can be limited with. */
export function probeCgroups(host: Host): Finding {
  const mounts = cgroupMounts(host.read('/proc/self/mountinfo') ?? '');
  const unified = mounts.find(mount => mount.type === 'cgroup2');
  const split = mounts.filter(mount => mount.type === 'cgroup');
  if (split.length > 0) return probeSplit(host, split, unified);
  if (unified) return probeUnified(host, unified.path);
  return missing('cgroups', 'not mounted', {
    why: 'containers are limited, counted and stopped by cgroups',
    cure: 'sudo mount -t cgroup2 none /sys/fs/cgroup   (systemd does that at boot)',
  });
}

function probeUnified(host: Host, path: string): Finding {
  const controllers = words(host.read(`${path}/cgroup.controllers`));
  const absent = WANTED.filter(name => !controllers.includes(name));
  if (absent.length === 0) return fine('cgroups', `v2: ${controllers.join(' ')}`);
  return warning('cgroups', `v2, without ${absent.join(' ')}`, {
    why: `limits of ${absent.join(', ')} have no effect`,
    cure: 'boot with the controller on (for memory on some boards: cgroup_enable=memory)',
  });
}

function probeSplit(host: Host, split: readonly CgroupMount[], unified: CgroupMount | undefined): Finding {
  const controllers = [...new Set(split.flatMap(mount => mount.controllers))].sort();
  const leftOver = unified ? words(host.read(`${unified.path}/cgroup.controllers`)) : [];
  const kind = unified ? 'v1 with a v2 mount (hybrid)' : 'v1';
  if (leftOver.length > 0) {
    return warning('cgroups', `${kind}; ${leftOver.join(' ')} only in v2`, {
      why: 'crun refuses such a host; containers run with runc, and more slowly',
      cure: 'sudo npm run setup   (mounts them as v1, as Debian’s cgroupfs-mount does)',
    });
  }
  const absent = WANTED_V1.filter(name => !controllers.includes(name));
  if (absent.length === 0) return fine('cgroups', `${kind}: ${controllers.join(' ')}`);
  return warning('cgroups', `${kind}, without ${absent.join(' ')}`, {
    why: `limits of ${absent.join(', ')} have no effect`,
    cure: 'sudo apt-get install cgroupfs-mount   (or boot with systemd.unified_cgroup_hierarchy=1)',
  });
}

interface CgroupMount {
  readonly path: string;
  readonly type: 'cgroup' | 'cgroup2';
  readonly controllers: readonly string[];
}

/** proc_pid_mountinfo(5): the super-block options of a v1 mount name its controllers. */
function cgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap(line => {
    const [before = '', after = ''] = line.split(' - ');
    const [type, , options = ''] = after.split(' ');
    const path = before.split(' ')[4];
    if (!path || (type !== 'cgroup' && type !== 'cgroup2')) return [];
    const controllers =
      type === 'cgroup'
        ? options.split(',').filter(name => /^[a-z_]+$/.test(name) && !/^r[wo]$|^xattr$/.test(name))
        : [];
    return [{ path, type, controllers }];
  });
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean).sort();
}
