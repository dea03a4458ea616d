import { close, constants, openSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { O_CLOEXEC, O_PATH } from './descriptors.ts';
import { check, declare, lastErrno } from './libc.ts';
import { mountWithContext } from './mount-context.ts';
import { isErrno, SysError } from './sys-error.ts';

const cMount = declare(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const cUmount2 = declare('int umount2(const char *target, int flags)');

/** mount(2) copies one page of options and drops the rest without a word. */
const PAGE_SIZE = 4096;

/** Options that are flags of mount(2), sys/mount.h. */
const FLAGS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ro: 1,
    nosuid: 2,
    nodev: 4,
    noexec: 8,
    sync: 16,
    remount: 32,
    dirsync: 128,
    noatime: 1024,
    nodiratime: 2048,
    bind: 4096,
    rbind: 4096 | 16_384,
    relatime: 1 << 21,
    strictatime: 1 << 24,
    mand: 64,
    lazytime: 1 << 25,
    rw: 0,
    defaults: 0,
    suid: 0,
    dev: 0,
    exec: 0,
    async: 0,
    atime: 0,
    diratime: 0,
    nomand: 0,
    norelatime: 0,
    nostrictatime: 0,
  }),
);
/** Options that take back others, as `exec` after `user`: the last one counts. */
const OPPOSITES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    rw: 'ro',
    suid: 'nosuid',
    dev: 'nodev',
    exec: 'noexec',
    async: 'sync',
    atime: 'noatime',
    diratime: 'nodiratime',
    nomand: 'mand',
    norelatime: 'relatime',
    nostrictatime: 'strictatime',
  }),
);
/** An option that takes a call of its own, once the mount is there. */
interface PropagationWish {
  readonly kind: Propagation;
  readonly isRecursive: boolean;
}

const PROPAGATIONS: ReadonlyMap<string, PropagationWish> = new Map(
  (['private', 'slave', 'shared', 'unbindable'] as const).flatMap((kind): [string, PropagationWish][] => [
    [kind, { kind, isRecursive: false }],
    [`r${kind}`, { kind, isRecursive: true }],
  ]),
);
const MS_REMOUNT = 32;
const MS_BIND = 4096;
const MS_REC = 16_384;
const MS_UNBINDABLE = 1 << 17;
const MS_PRIVATE = 1 << 18;
const MS_SLAVE = 1 << 19;
const MS_SHARED = 1 << 20;

const closeElsewhere = promisify(close);
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
/** Mounts on top of each other at one place; more means something puts them back. */
const MAX_STACKED = 1000;

/** What to mount. `options` as mount(8) takes them: flags and options of the file system mixed. */
export interface MountSource {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export type Propagation = 'private' | 'slave' | 'shared' | 'unbindable';

/** What the engine asks of the kernel's mount table. Tests pass one that only records. */
export interface Mounts {
  /**
   * Mounts at an existing directory or file. A bind with further flags (`ro`) is remounted with them at once, as mount(8) does.
   *
   * @throws {SysError}
   */
  mount(target: string, spec: MountSource): void;

  /**
   * Takes all mounts at `target` out of the tree at once; they end when nobody uses them any more.
   * Happy when nothing is mounted there or the path is gone. Does not follow a link.
   *
   * @throws {SysError}
   */
  unmount(target: string): void;

  /**
   * As {@link unmount}, for a file system whose end takes long: that comes on another thread, and this resolves after it.
   * An overlay writes everything back that is dirty in the file system below it, which takes seconds on a busy disk.
   *
   * @throws {SysError}
   */
  detach(target: string): Promise<void>;

  /** Whether `target` itself is a mount point. */
  isMounted(target: string): boolean;

  setPropagation(
    target: string,
    propagation: Propagation,
    options?: { readonly isRecursive?: boolean },
  ): void;
}

/** The mount table of the name space the engine runs in. */
export const linuxMounts: Mounts = {
  mount(target, { type, source, options }) {
    const propagations = options.flatMap(option => PROPAGATIONS.get(option) ?? []);
    if (propagations.length > 0) {
      const others = options.filter(option => !PROPAGATIONS.has(option));
      return mountWithPropagation(target, { type, source, options: others }, propagations);
    }
    const flags = mountFlags(options);
    const data = options.filter(option => !FLAGS.has(option));
    if ((flags & MS_BIND) !== 0 && (flags & MS_REMOUNT) === 0) return bind(source, target, flags);
    if (Buffer.byteLength(data.join(',')) >= PAGE_SIZE) {
      mountWithContext({ type, source, target, flags, data });
      return;
    }
    check('mount', cMount(source, target, type, flags, data.length > 0 ? data.join(',') : null), {
      type,
      source,
      target,
    });
  },

  unmount(target) {
    for (let count = 0; count < MAX_STACKED; count += 1) {
      if (cUmount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) === 0) continue;
      const error = new SysError('umount2', lastErrno(), target);
      if (isErrno(error, 'EINVAL', 'ENOENT')) return; // EINVAL: not a mount point
      throw error;
    }
  },

  async detach(target) {
    // The last one to let go of a mount is the one who waits for its end.
    const held = hold(target);
    try {
      linuxMounts.unmount(target);
    } finally {
      if (held !== undefined) await closeElsewhere(held);
    }
  },

  isMounted: isMountPoint,

  setPropagation(target, propagation, { isRecursive = false } = {}) {
    const kind = { private: MS_PRIVATE, slave: MS_SLAVE, shared: MS_SHARED, unbindable: MS_UNBINDABLE }[
      propagation
    ];
    check('mount', cMount('none', target, null, kind | (isRecursive ? MS_REC : 0), null), target);
  },
};

function hold(target: string): number | undefined {
  try {
    return openSync(target, O_PATH | O_CLOEXEC | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Flags of mount(2) for options of mount(8). Those that are none count nothing. */
export function mountFlags(options: readonly string[]): number {
  return options.reduce((flags, option) => {
    const opposite = OPPOSITES.get(option);
    return (flags | (FLAGS.get(option) ?? 0)) & ~(opposite === undefined ? 0 : (FLAGS.get(opposite) ?? 0));
  }, 0);
}

function mountWithPropagation(
  target: string,
  spec: MountSource,
  propagations: readonly PropagationWish[],
): void {
  linuxMounts.mount(target, spec);
  try {
    for (const { kind, isRecursive } of propagations)
      linuxMounts.setPropagation(target, kind, { isRecursive });
  } catch (error) {
    linuxMounts.unmount(target);
    throw error;
  }
}

/** The kernel ignores further flags while it binds: they take a second call. */
function bind(source: string, target: string, flags: number): void {
  const kind = flags & (MS_BIND | MS_REC);
  check('mount', cMount(source, target, null, kind, null), { source, target });
  if (flags === kind) return;
  try {
    check('mount', cMount('none', target, null, (flags & ~MS_REC) | MS_REMOUNT, null), { source, target });
  } catch (error) {
    linuxMounts.unmount(target);
    throw error;
  }
}

/** One line of proc_pid_mountinfo(5). */
export interface MountPoint {
  readonly id: number;
  readonly target: string;
  readonly type: string;
  readonly source: string;
}

/** Everything mounted in this name space, in the order it was mounted. */
export function listMounts(): MountPoint[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** Mounts at `directory` and below, deepest and latest first: the order to unmount them in. */
export function listMountsBelow(directory: string): MountPoint[] {
  return listMounts()
    .filter(({ target }) => target === directory || target.startsWith(`${directory}/`))
    .reverse();
}

export function isMountPoint(path: string): boolean {
  return listMounts().some(({ target }) => target === path);
}

export function parseMountInfo(text: string): MountPoint[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const fields = line.split(' ');
      const separator = fields.indexOf('-');
      return {
        id: Number(fields[0]),
        target: unescapeOctal(fields[4] ?? ''),
        type: fields[separator + 1] ?? '',
        source: unescapeOctal(fields[separator + 2] ?? ''),
      };
    });
}

/** The kernel writes blanks, tabs, newlines and backslashes as `\ooo`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
