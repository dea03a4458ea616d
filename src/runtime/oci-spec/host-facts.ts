import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, release } from 'node:os';
import type { HostConfig } from '#spec/docker/host-config';
import { DEFAULT_MASKED_PATHS } from '#spec/docker/protected-paths';
import { type CgroupSupport, detectCgroups } from '#sys/cgroup';
import { selinuxFileContext as readSelinuxFileContext } from '#sys/selinux';
import { capabilitiesOf } from './capabilities.ts';
import { defaultUlimits } from './rlimits.ts';

/** What a container's settings are judged by. Read once: it does not change while the engine runs. */
export interface HostFacts {
  readonly cgroups: CgroupSupport;
  /** Go's name of the machine: `amd64`, `arm64`, … */
  readonly architecture: string;
  readonly kernel: readonly [major: number, minor: number];
  /** what the engine can hand out: its own bounding set */
  readonly capabilities: readonly string[];
  readonly cpuCount: number;
  /** limits of a process that asks for none; absent: {@link defaultUlimits} */
  readonly ulimits?: HostConfig['Ulimits'];
  readonly hasApparmor: boolean;
  /** paths no container reads; see {@link defaultMaskedPaths} */
  readonly maskedPaths: readonly string[];
  /** network settings of the default set that this kernel has */
  readonly networkSysctls: Readonly<Record<string, string>>;
  /** the runtime makes binds read-only with all mounts below them (`rro`) */
  readonly hasRecursiveReadOnly: boolean;
  /** label of files that containers share; absent without SELinux */
  readonly selinuxFileContext?: string;
}

/** Go's names, where they differ from Node's */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** Safe for everybody, since they act inside the container's own network only (as Docker sets them). */
const NETWORK_SYSCTLS = {
  /** ICMP echo without CAP_NET_RAW */
  'net.ipv4.ping_group_range': '0 2147483647',
  /** ports below 1024 without CAP_NET_BIND_SERVICE */
  'net.ipv4.ip_unprivileged_port_start': '0',
};

export function readHostFacts(): HostFacts {
  const selinuxFileContext = readSelinuxFileContext();
  const [major = 0, minor = 0] = release()
    .split('.')
    .map(part => Number.parseInt(part, 10));
  return {
    cgroups: detectCgroups(),
    architecture: ARCHITECTURES[arch()] ?? arch(),
    kernel: [major, minor],
    capabilities: capabilitiesOf(boundingMask()),
    cpuCount: availableParallelism(),
    ulimits: defaultUlimits(),
    hasApparmor: isApparmorEnabled(),
    maskedPaths: defaultMaskedPaths(),
    networkSysctls: Object.fromEntries(
      Object.entries(NETWORK_SYSCTLS).filter(([name]) =>
        existsSync(`/proc/sys/${name.replaceAll('.', '/')}`),
      ),
    ),
    // mount_setattr(2) with AT_RECURSIVE
    hasRecursiveReadOnly: major > 5 || (major === 5 && minor >= 12),
    ...(selinuxFileContext !== undefined && { selinuxFileContext }),
  };
}

/** The fixed list, and the throttling counters of each CPU, which leak what other containers do. */
export function defaultMaskedPaths(cpuRoot = '/sys/devices/system/cpu'): readonly string[] {
  const cpus = existsSync(cpuRoot) ? readdirSync(cpuRoot).filter(name => /^cpu\d+$/.test(name)) : [];
  const thermal = cpus.map(name => `/sys/devices/system/cpu/${name}/thermal_throttle`);
  return [...DEFAULT_MASKED_PATHS, ...thermal.filter(path => existsSync(path))];
}

function boundingMask(): bigint {
  const line = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return BigInt(`0x${line?.[1] ?? '0'}`);
}

function isApparmorEnabled(): boolean {
  const path = '/sys/module/apparmor/parameters/enabled';
  return existsSync(path) && readFileSync(path, 'utf8').startsWith('Y');
}
