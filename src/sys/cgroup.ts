import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, declare } from './libc.ts';
import { isErrno } from './sys-error.ts';

/** What this host's control groups can limit. `false` means: the kernel or the mounts do not offer it. */
export interface CgroupSupport {
  readonly version: 1 | 2;
  /** v1 with a v2 mount beside it that still holds controllers; see {@link repairHybrid} */
  readonly isHybrid: boolean;
  /** controller (`memory`, `cpu`, …; `io` is called `blkio`) → directory of its hierarchy */
  readonly hierarchies: ReadonlyMap<string, string>;
  readonly hasNamespaces: boolean;
  readonly hasMemoryLimit: boolean;
  readonly hasMemoryReservation: boolean;
  readonly hasSwapLimit: boolean;
  readonly hasSwappiness: boolean;
  readonly hasOomKillDisable: boolean;
  readonly hasPidsLimit: boolean;
  readonly hasCpuShares: boolean;
  readonly hasCpuQuota: boolean;
  readonly hasCpuset: boolean;
  readonly hasBlkioWeight: boolean;
  readonly hasBlkioWeightDevice: boolean;
  readonly hasBlkioThrottle: boolean;
  /** lists of CPUs and memory nodes a container may be bound to, as `0-3,8` */
  readonly cpus: string;
  readonly memoryNodes: string;
}

/** Where the files are; tests point it at a folder. */
export interface CgroupSources {
  readonly proc: string;
}

const SOURCES: CgroupSources = { proc: '/proc' };

const cMount = declare(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8;

/** Finds out what the host has (cgroups(7)). Cheap: some twenty looks at small files. */
export function detectCgroups(sources: CgroupSources = SOURCES): CgroupSupport {
  const mounts = cgroupMounts(sources);
  const own = ownCgroups(sources);
  return mounts.legacy.size > 0 ? legacySupport(mounts, sources) : unifiedSupport(mounts, own, sources);
}

/**
 * Mounts as v1 what a hybrid host has left in v2, because crun refuses to work on a split set of controllers.
 * Debian's cgroupfs-mount does the same at boot. Nothing is done on a pure host.
 *
 * @returns the controllers it moved.
 */
export function repairHybrid(sources: CgroupSources = SOURCES): readonly string[] {
  const { legacy, unified } = cgroupMounts(sources);
  const anyLegacy = legacy.values().next().value;
  if (unified === undefined || anyLegacy === undefined) return [];
  const base = join(anyLegacy, '..');
  return controllersOf(unified)
    .map(name => (name === 'io' ? 'blkio' : name))
    .filter(name => !legacy.has(name) && mountLegacy(name, join(base, name)));
}

/** The directories of one group, one for each hierarchy it exists in: v1 has many, v2 one. */
export function cgroupDirectories(support: CgroupSupport, path: string): readonly string[] {
  return [...new Set(support.hierarchies.values())].map(root => groupDirectory(root, path));
}

/** The directory of a group under one controller. @returns `undefined` when the host lacks that controller. */
export function cgroupDirectory(
  support: CgroupSupport,
  path: string,
  controller: string,
): string | undefined {
  const root = support.hierarchies.get(controller);
  return root === undefined ? undefined : groupDirectory(root, path);
}

/** @throws {RangeError} for the root group: removing or killing that would be the end of the host. */
function groupDirectory(root: string, path: string): string {
  const parts = path.split('/').filter(part => part !== '');
  if (parts.length === 0 || parts.includes('..') || parts.includes('.')) {
    throw new RangeError(`"${path}" is not the path of a control group`);
  }
  return join(root, ...parts);
}

interface CgroupMounts {
  readonly legacy: ReadonlyMap<string, string>;
  readonly unified: string | undefined;
}

function cgroupMounts({ proc }: CgroupSources): CgroupMounts {
  const legacy = new Map<string, string>();
  // The host's own mounts come first; later ones are copies, as in a chroot with the host's /sys, and may go.
  const add = (name: string, target: string): void => {
    if (!legacy.has(name)) legacy.set(name, target);
  };
  let unified: string | undefined;
  for (const line of readText(join(proc, 'self/mountinfo')).split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const target = left.split(' ')[4] ?? '';
    const [type, , options = ''] = right.split(' ');
    if (type === 'cgroup2') unified ??= target;
    if (type !== 'cgroup') continue;
    for (const option of options.split(',')) {
      if (option !== 'rw' && option !== 'ro' && !option.startsWith('xattr') && !option.includes('=')) {
        add(option, target);
      }
    }
    if (options.includes('name=systemd')) add('systemd', target);
  }
  legacy.delete('clone_children');
  // `name=systemd` alone limits nothing: such a host is unified.
  if ([...legacy.keys()].every(name => name === 'systemd')) legacy.clear();
  return { legacy, unified };
}

function legacySupport({ legacy, unified }: CgroupMounts, sources: CgroupSources): CgroupSupport {
  const has = (controller: string, file: string): boolean => {
    const root = legacy.get(controller);
    return root !== undefined && existsSync(join(root, file));
  };
  const cpuset = legacy.get('cpuset');
  return {
    version: 1,
    isHybrid: unified !== undefined && controllersOf(unified).length > 0,
    // Runtimes put processes into a v2 mount too, even where it limits nothing.
    hierarchies: unified === undefined ? legacy : new Map([...legacy, ['unified', unified]]),
    hasNamespaces: existsSync(join(sources.proc, 'self/ns/cgroup')),
    hasMemoryLimit: legacy.has('memory'),
    hasMemoryReservation: has('memory', 'memory.soft_limit_in_bytes'),
    hasSwapLimit: has('memory', 'memory.memsw.limit_in_bytes'),
    hasSwappiness: has('memory', 'memory.swappiness'),
    hasOomKillDisable: has('memory', 'memory.oom_control'),
    hasPidsLimit: legacy.has('pids'),
    hasCpuShares: has('cpu', 'cpu.shares'),
    hasCpuQuota: has('cpu', 'cpu.cfs_quota_us'),
    hasCpuset: cpuset !== undefined,
    hasBlkioWeight: has('blkio', 'blkio.weight'),
    hasBlkioWeightDevice: has('blkio', 'blkio.weight_device'),
    hasBlkioThrottle: has('blkio', 'blkio.throttle.read_bps_device'),
    cpus: cpuset === undefined ? '' : readText(join(cpuset, 'cpuset.cpus')).trim(),
    memoryNodes: cpuset === undefined ? '' : readText(join(cpuset, 'cpuset.mems')).trim(),
  };
}

function unifiedSupport({ unified }: CgroupMounts, own: string, sources: CgroupSources): CgroupSupport {
  const root = unified ?? '/sys/fs/cgroup';
  const controllers = new Set(controllersOf(root));
  // Many files exist below the root group only, so the engine's own group is asked.
  const has = (file: string): boolean => own === '/' || existsSync(join(root, own, file));
  const hasMemory = controllers.has('memory');
  const hasIo = controllers.has('io');
  const names = [...controllers].map(name => (name === 'io' ? 'blkio' : name));
  return {
    version: 2,
    isHybrid: false,
    hierarchies: new Map(['systemd', ...names, 'cpuacct', 'freezer'].map(name => [name, root])),
    hasNamespaces: existsSync(join(sources.proc, 'self/ns/cgroup')),
    hasMemoryLimit: hasMemory,
    hasMemoryReservation: hasMemory,
    hasSwapLimit: hasMemory && has('memory.swap.max'),
    hasSwappiness: false,
    hasOomKillDisable: false,
    hasPidsLimit: controllers.has('pids'),
    hasCpuShares: controllers.has('cpu'),
    hasCpuQuota: controllers.has('cpu'),
    hasCpuset: controllers.has('cpuset'),
    hasBlkioWeight: hasIo && (has('io.weight') || has('io.bfq.weight')),
    hasBlkioWeightDevice: hasIo && (has('io.weight') || has('io.bfq.weight')),
    hasBlkioThrottle: hasIo,
    cpus: readText(join(root, 'cpuset.cpus.effective')).trim(),
    memoryNodes: readText(join(root, 'cpuset.mems.effective')).trim(),
  };
}

function controllersOf(unified: string): readonly string[] {
  return readText(join(unified, 'cgroup.controllers')).split(/\s+/).filter(Boolean);
}

/** The v2 line of /proc/self/cgroup is `0::/path`. */
function ownCgroups({ proc }: CgroupSources): string {
  return /^0::(.*)$/m.exec(readText(join(proc, 'self/cgroup')))?.[1] ?? '/';
}

/** @returns whether it is mounted now; some controllers exist in v2 only. */
function mountLegacy(name: string, target: string): boolean {
  mkdirSync(target, { recursive: true });
  try {
    check('mount', cMount('cgroup', target, 'cgroup', MS_NOSUID_NODEV_NOEXEC, name), target);
    return true;
  } catch (error) {
    if (isErrno(error, 'EINVAL', 'EBUSY', 'ENOENT')) return false;
    throw error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return '';
    throw error;
  }
}
