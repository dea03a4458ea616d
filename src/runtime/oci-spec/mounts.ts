import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { EngineError } from '#base/errors';
import type { OciMount } from '#spec/oci/runtime-spec';
import { mergeTmpfsOptions } from './tmpfs-options.ts';

/** A mount whose source was found already. */
export interface ResolvedMount {
  readonly type: 'bind' | 'tmpfs';
  /** host path of a bind or volume; unused for tmpfs */
  readonly source: string;
  readonly destination: string;
  readonly isWritable: boolean;
  /** `rprivate`, `rshared`, …; empty: `rprivate` */
  readonly propagation: string;
  /** as `--tmpfs` writes them: `size=64m,mode=1777` */
  readonly tmpfsOptions?: string;
  /** only the mount itself, nothing mounted below it */
  readonly isNonRecursive?: boolean;
  /** read-only for mounts below it too: where possible (default), surely, or not */
  readonly recursiveReadOnly?: 'enabled' | 'force' | 'disabled';
}

/** /dev/shm of a container: its own, one of a certain host path (shared IPC), or none. */
export type SharedMemory =
  | { readonly kind: 'private'; readonly sizeBytes: number }
  | { readonly kind: 'bind'; readonly source: string }
  | { readonly kind: 'none' };

export interface MountSettings {
  readonly mounts: readonly ResolvedMount[];
  /** `--tmpfs`: destination → options */
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly shm: SharedMemory;
  readonly isPrivileged: boolean;
  readonly isRootReadOnly: boolean;
  readonly hasRecursiveReadOnly: boolean;
  /** program that is bound to {@link INIT_PATH} */
  readonly initPath?: string;
}

export interface OciMounts {
  readonly mounts: readonly OciMount[];
  readonly rootfsPropagation?: string;
}

/** Where a container finds the init of `--init` (Docker's place). */
export const INIT_PATH = '/sbin/docker-init';

const QUIET = ['nosuid', 'noexec', 'nodev'];

const DEFAULT_MOUNTS: readonly OciMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: QUIET },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...QUIET, 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', ...QUIET] },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: QUIET },
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...QUIET, 'mode=1777'] },
];

/** Stay writable with a read-only root */
const WRITABLE = new Set(['/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue']);

const PROPAGATIONS = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);

/**
 * All mounts of a container, in the order they are made: the default ones that nothing replaces, then the user's,
 * parents before children.
 *
 * @throws {EngineError} `invalid` for a wrong tmpfs option, an unknown propagation, or a source that cannot propagate.
 */
export function ociMounts(settings: MountSettings): OciMounts {
  const user = userMounts(settings);
  const taken = new Set(user.map(({ destination }) => destination));
  const fixed = defaultMounts(settings, taken);
  const init = settings.initPath === undefined ? [] : [initMount(settings.initPath)];
  const rootfsPropagation = rootPropagation(settings.mounts);
  return {
    mounts: [...fixed, ...init, ...user.map(mount => toOci(mount, settings))],
    ...(rootfsPropagation !== undefined && { rootfsPropagation }),
  };
}

function defaultMounts(settings: MountSettings, taken: ReadonlySet<string>): readonly OciMount[] {
  return DEFAULT_MOUNTS.flatMap(mount => {
    const { destination } = mount;
    if (taken.has(destination)) return [];
    if (taken.has('/dev') && destination.startsWith('/dev/')) return [];
    if (destination === '/dev/shm') return sharedMemory(mount, settings.shm);
    return [withAccess(mount, settings)];
  });
}

function withAccess(mount: OciMount, { isPrivileged, isRootReadOnly }: MountSettings): OciMount {
  const isSystem = mount.destination === '/sys' || mount.type === 'cgroup';
  if (isPrivileged && isSystem) {
    return { ...mount, options: mount.options.filter(option => option !== 'ro') };
  }
  const mustBeReadOnly = isRootReadOnly && !WRITABLE.has(mount.destination) && !mount.options.includes('ro');
  return mustBeReadOnly ? { ...mount, options: [...mount.options, 'ro'] } : mount;
}

function sharedMemory(mount: OciMount, shm: SharedMemory): readonly OciMount[] {
  switch (shm.kind) {
    case 'none':
      return [];
    case 'private':
      return [{ ...mount, options: [...mount.options, `size=${shm.sizeBytes}`] }];
    case 'bind':
      return [{ destination: '/dev/shm', type: 'bind', source: shm.source, options: ['rbind', 'rprivate'] }];
  }
}

function initMount(source: string): OciMount {
  return { destination: INIT_PATH, type: 'bind', source, options: ['bind', 'ro'] };
}

function userMounts({ mounts, tmpfs }: MountSettings): readonly ResolvedMount[] {
  const extra = Object.entries(tmpfs).map(
    ([destination, tmpfsOptions]): ResolvedMount => ({
      type: 'tmpfs',
      source: '',
      destination,
      isWritable: true,
      propagation: '',
      tmpfsOptions,
    }),
  );
  const all = [...mounts, ...extra].map(mount => ({
    ...mount,
    destination: cleanDestination(mount.destination),
  }));
  return all.toSorted((a, b) => depthOf(a) - depthOf(b));
}

/** One spelling for each place: `/etc/hosts` for `/etc//hosts/`. */
export function cleanDestination(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, '');
}

function depthOf({ destination }: ResolvedMount): number {
  return destination.split('/').filter(Boolean).length;
}

function toOci(mount: ResolvedMount, settings: MountSettings): OciMount {
  const { destination } = mount;
  if (mount.type === 'tmpfs') {
    const given = (mount.tmpfsOptions ?? '').split(',').filter(Boolean);
    const access = mount.isWritable ? [] : ['ro'];
    const options = mergeTmpfsOptions(['noexec', 'nosuid', 'nodev', 'rprivate', ...access, ...given]);
    return { destination, type: 'tmpfs', source: 'tmpfs', options };
  }
  const propagation = mount.propagation || 'rprivate';
  if (!PROPAGATIONS.has(propagation)) {
    throw new EngineError(
      'invalid',
      `invalid mount config for type "bind": invalid propagation mode: ${propagation}`,
    );
  }
  const bind = mount.isNonRecursive === true ? 'bind' : 'rbind';
  const access = mount.isWritable ? [] : [readOnlyOption(mount, settings)];
  return { destination, type: 'bind', source: mount.source, options: [bind, ...access, propagation] };
}

/** `rro` also covers what is mounted below the source. */
function readOnlyOption(mount: ResolvedMount, { hasRecursiveReadOnly }: MountSettings): 'ro' | 'rro' {
  const wish = mount.recursiveReadOnly ?? 'enabled';
  if (wish === 'force' && !hasRecursiveReadOnly) {
    throw new EngineError('invalid', 'recursively read-only mounts are not supported on this host');
  }
  if (wish === 'force') return 'rro';
  return wish === 'enabled' && hasRecursiveReadOnly && mount.isNonRecursive !== true ? 'rro' : 'ro';
}

/** A mount only propagates when the root of the container does; sharing is the stronger wish. */
function rootPropagation(mounts: readonly ResolvedMount[]): string | undefined {
  const shared = mounts.filter(({ propagation }) => propagation.endsWith('shared'));
  const slaves = mounts.filter(({ propagation }) => propagation.endsWith('slave'));
  if (shared.length + slaves.length === 0) return undefined;
  const table = readMountTable();
  for (const { source } of shared) requirePropagation(table, source, ['shared:'], 'shared');
  for (const { source } of slaves)
    requirePropagation(table, source, ['shared:', 'master:'], 'shared or slave');
  return shared.length > 0 ? 'shared' : 'rslave';
}

interface MountEntry {
  readonly target: string;
  /** optional fields of mountinfo, such as `shared:1` */
  readonly tags: readonly string[];
}

function requirePropagation(
  table: readonly MountEntry[],
  source: string,
  tags: readonly string[],
  wanted: string,
): void {
  const covering = table.filter(({ target }) => target === '/' || `${source}/`.startsWith(`${target}/`));
  const mount = covering.toSorted((a, b) => b.target.length - a.target.length)[0];
  if (mount?.tags.some(tag => tags.some(prefix => tag.startsWith(prefix)))) return;
  throw new EngineError(
    'invalid',
    `path ${source} is mounted on ${mount?.target ?? '/'} but it is not a ${wanted} mount`,
  );
}

/** proc(5), /proc/self/mountinfo: the target is field 5, optional fields go from 7 to the dash. */
function readMountTable(): readonly MountEntry[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter(Boolean);
  return lines.map(line => {
    const fields = line.split(' ');
    return { target: fields[4] ?? '', tags: fields.slice(6, fields.indexOf('-')) };
  });
}
