import { type Finding, fine, missing, warning } from './finding.ts';
import type { Host } from './host.ts';

const OLD_KERNEL = {
  why: 'the engine is tested on Linux 5.10 and later',
  cure: 'update the system: sudo apt-get dist-upgrade',
};

/** Linux 6.12 mounts EROFS images straight from files. */
const FILE_BACKED_EROFS = [6, 12] as const;

export function probeKernel(host: Host): Finding {
  const release = host.read('/proc/sys/kernel/osrelease')?.trim() ?? 'unknown';
  const version = parseVersion(release);
  if (!version || isOlder(version, [5, 10])) return warning('kernel', release, OLD_KERNEL);
  return fine('kernel', release);
}

const NAME_SPACES: readonly (readonly [file: string, name: string, why: string])[] = [
  ['mnt', 'mount name spaces', 'every container has its own file system'],
  ['pid', 'PID name spaces', 'every container sees its own processes only'],
  ['net', 'network name spaces', 'every container has its own addresses and ports'],
  ['uts', 'UTS name spaces', 'every container has its own host name'],
  ['ipc', 'IPC name spaces', 'shared memory must not cross containers'],
  ['cgroup', 'cgroup name spaces', 'a container must not see the limits of others'],
  ['user', 'user name spaces', 'only needed to map root in a container to another user'],
];

export function probeNameSpaces(host: Host): Finding[] {
  return NAME_SPACES.map(([file, name, why]) => {
    if (host.exists(`/proc/self/ns/${file}`)) return fine(name);
    const option = `CONFIG_${file === 'mnt' ? 'NAMESPACES' : `${file.toUpperCase()}_NS`}`;
    const advice = { why, cure: `boot a kernel built with ${option}=y (Debian's are)` };
    return file === 'user' ? warning(name, 'absent', advice) : missing(name, 'absent', advice);
  });
}

export function probeSeccomp(host: Host): Finding {
  const actions = host.read('/proc/sys/kernel/seccomp/actions_avail')?.trim();
  if (actions?.split(' ').includes('errno')) return fine('seccomp', 'filters work');
  return missing('seccomp', 'no filters', {
    why: 'containers would reach every system call of the kernel',
    cure: "boot a kernel built with CONFIG_SECCOMP_FILTER=y (Debian's are)",
  });
}

export function probeErofs(host: Host): Finding {
  const version = parseVersion(host.read('/proc/sys/kernel/osrelease') ?? '');
  const isKnown = /\berofs$/m.test(host.read('/proc/filesystems') ?? '') || hasModule(host, 'erofs');
  const advice = {
    why: 'image layers are unpacked to folders instead, which is slower to pull and to remove',
    cure: 'nothing must be done; a kernel of 6.12 or later with EROFS makes it faster',
  };
  if (!isKnown) return warning('EROFS', 'not in this kernel', advice);
  if (!version || isOlder(version, FILE_BACKED_EROFS))
    return warning('EROFS', 'cannot mount from files before 6.12', advice);
  return fine('EROFS', 'layers can be mounted from files');
}

export function probeIpv6(host: Host): Finding {
  const advice = {
    why: 'containers get no IPv6 addresses, and ports are published for IPv4 only',
    cure: 'sudo sysctl net.ipv6.conf.all.disable_ipv6=0   (or boot without ipv6.disable=1)',
  };
  const isDisabled = host.read('/proc/sys/net/ipv6/conf/all/disable_ipv6')?.trim();
  if (isDisabled === undefined) return warning('IPv6', 'not in this kernel', advice);
  return isDisabled === '0' ? fine('IPv6') : warning('IPv6', 'switched off', advice);
}

export function probeForwarding(host: Host): Finding {
  const isOn = host.read('/proc/sys/net/ipv4/ip_forward')?.trim() === '1';
  return fine('IP forwarding', isOn ? 'on' : 'off; the engine switches it on with its first network');
}

/** Whether a module file of that name belongs to the running kernel. */
function hasModule(host: Host, name: string): boolean {
  const release = host.read('/proc/sys/kernel/osrelease')?.trim() ?? '';
  const known = `${host.read(`/lib/modules/${release}/modules.dep`) ?? ''}${host.read(`/lib/modules/${release}/modules.builtin`) ?? ''}`;
  return new RegExp(`/${name}\\.ko\\b`).test(known);
}

/** The first two or three numbers of a version text. */
export function parseVersion(text: string): readonly number[] | undefined {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match?.slice(1).map(part => Number(part ?? 0));
}

export function isOlder(version: readonly number[], than: readonly number[]): boolean {
  for (const [index, wanted] of than.entries()) {
    const have = version[index] ?? 0;
    if (have !== wanted) return have < wanted;
  }
  return false;
}
