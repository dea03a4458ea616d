import type { CgroupSupport } from '#sys/cgroup';
import { capabilitiesOf } from './capabilities.ts';
import type { HostFacts } from './host-facts.ts';

/** A host that can do everything, for tests. */
export function fakeHostFacts(
  changes: Partial<HostFacts> = {},
  cgroups: Partial<CgroupSupport> = {},
): HostFacts {
  return {
    cgroups: {
      version: 2,
      isHybrid: false,
      hierarchies: new Map([['pids', '/sys/fs/cgroup']]),
      hasNamespaces: true,
      hasMemoryLimit: true,
      hasMemoryReservation: true,
      hasSwapLimit: true,
      hasSwappiness: true,
      hasOomKillDisable: true,
      hasPidsLimit: true,
      hasCpuShares: true,
      hasCpuQuota: true,
      hasCpuset: true,
      hasBlkioWeight: true,
      hasBlkioWeightDevice: true,
      hasBlkioThrottle: true,
      cpus: '0-3',
      memoryNodes: '0',
      ...cgroups,
    },
    architecture: 'amd64',
    kernel: [6, 18],
    capabilities: capabilitiesOf(2n ** 41n - 1n),
    cpuCount: 4,
    ulimits: [],
    hasApparmor: false,
    maskedPaths: ['/proc/kcore', '/sys/firmware'],
    networkSysctls: { 'net.ipv4.ping_group_range': '0 2147483647' },
    hasRecursiveReadOnly: true,
    ...changes,
  };
}
