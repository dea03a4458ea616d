import { OwnedFd } from './descriptors.ts';
import { check, declare } from './libc.ts';
import { moveMount } from './move-mount.ts';

/** Numbers of the new mount API are the same on every architecture (Linux 5.2). */
const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;

/** flags of mount(2) → attributes of fsmount(2) */
const ATTRIBUTES: readonly (readonly [flag: number, attribute: number])[] = [
  [1, 1], // ro
  [2, 2], // nosuid
  [4, 4], // nodev
  [8, 8], // noexec
  [1024, 0x10], // noatime
  [2048, 0x80], // nodiratime
];

const cFsopen = declare('long syscall(long number, const char *type, unsigned int flags)');
const cFsconfig = declare(
  'long syscall(long number, int fd, unsigned int command, const char *key, const char *value, int aux)',
);
const cFsmount = declare('long syscall(long number, int fd, unsigned int flags, unsigned int attributes)');

/** A file system with its options, and how it is mounted. */
interface MountRequest {
  readonly type: string;
  readonly source: string;
  /** flags of mount(2) */
  readonly flags: number;
  /** options of the file system */
  readonly data: readonly string[];
}

/**
 * Mounts by fsopen(2), which has no limit on all options together, only 255 bytes for one. An overlay's
 * `lowerdir` is given layer by layer (`lowerdir+`, Linux 6.5).
 *
 * @throws {SysError} `EINVAL` where the kernel is too old.
 */
export function mountWithContext({ target, ...request }: MountRequest & { readonly target: string }): void {
  using mount = openMount(request, target);
  moveMount(mount.number, target);
}

/**
 * A mount at no place (fsmount(2)); closing the descriptor unmounts it.
 *
 * @param context where it is for, for errors
 * @throws {SysError}
 */
export function openMount({ type, source, flags, data }: MountRequest, context = 'nowhere'): OwnedFd {
  using fs = new OwnedFd(check('fsopen', cFsopen(SYS_FSOPEN, type, FSOPEN_CLOEXEC), type));
  configure(fs.number, 'source', source);
  for (const option of data) configureOption(fs.number, option);
  if ((flags & 1) !== 0) configure(fs.number, 'ro');
  const created = cFsconfig(SYS_FSCONFIG, fs.number, FSCONFIG_CMD_CREATE, null, null, 0);
  check('fsconfig', created, { type, target: context });
  const attributes = ATTRIBUTES.reduce((sum, [flag, bit]) => ((flags & flag) !== 0 ? sum | bit : sum), 0);
  const mount = cFsmount(SYS_FSMOUNT, fs.number, FSMOUNT_CLOEXEC, attributes);
  return new OwnedFd(check('fsmount', mount, context));
}

function configureOption(context: number, option: string): void {
  const equals = option.indexOf('=');
  if (equals < 0) return configure(context, option);
  const key = option.slice(0, equals);
  const value = option.slice(equals + 1);
  if (key !== 'lowerdir') return configure(context, key, value);
  for (const layer of splitLayers(value)) configure(context, 'lowerdir+', layer);
}

function configure(context: number, key: string, value?: string): void {
  const command = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
  check('fsconfig', cFsconfig(SYS_FSCONFIG, context, command, key, value ?? null, 0), { key, value });
}

/** `a:b\:c` → `a`, `b:c`: with `lowerdir+` a colon is nothing special. */
function splitLayers(value: string): string[] {
  return (value.match(/(?:\\.|[^:\\])+/g) ?? []).map(layer => layer.replace(/\\(.)/g, '$1'));
}
