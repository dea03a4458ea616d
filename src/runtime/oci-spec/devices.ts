import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { EngineError } from '#base/errors';
import type { DeviceMapping, HostConfig } from '#spec/docker/host-config';
import type { OciLinux } from '#spec/oci/runtime-spec';

export type OciDevice = OciLinux['devices'][number];

/** One rule of the device control group. Absent numbers and types mean all. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

export interface DeviceSettings {
  readonly devices: readonly OciDevice[];
  readonly rules: readonly DeviceRule[];
}

type DeviceRequest = Pick<HostConfig, 'Privileged' | 'Devices' | 'DeviceCgroupRules' | 'DeviceRequests'>;

const ALL = 'rwm';

/** zero, null, urandom, random, tty and console are for every container; FUSE is refused by name (Docker's list). */
const DEFAULT_RULES: readonly DeviceRule[] = [
  { allow: false, access: ALL },
  ...(
    [
      [1, 5],
      [1, 3],
      [1, 9],
      [1, 8],
      [5, 0],
      [5, 1],
    ] as const
  ).map(([major, minor]) => ({ allow: true, type: 'c', major, minor, access: ALL })),
  { allow: false, type: 'c', major: 10, minor: 229, access: ALL },
];

/** Not devices of the host, but what a container has of its own. */
const HIDDEN_DIRECTORIES = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev']);
const HIDDEN_FILES = new Set(['console']);

/** A tree with more than this is no tree of devices. */
const MAX_DEVICES = 10_000;

/**
 * Devices of a container and who may use them, from `--device`, `--device-cgroup-rule` and `--privileged`.
 *
 * @throws {EngineError} `invalid` for a path without devices, a wrong rule, or a driver the engine does not have.
 */
export function deviceSettings(request: DeviceRequest): DeviceSettings {
  const [unserved] = request.DeviceRequests;
  if (unserved) {
    const capabilities = unserved.Capabilities.map(names => `[${names.join(' ')}]`).join(' ');
    throw new EngineError(
      'invalid',
      `could not select device driver "${unserved.Driver}" with capabilities: [${capabilities}]`,
    );
  }
  if (request.Privileged) return privilegedSettings(request.Devices);
  const mapped = request.Devices.map(mapping => ({ mapping, devices: mappedDevices(mapping) }));
  return {
    devices: mapped.flatMap(({ devices }) => devices),
    rules: [
      ...DEFAULT_RULES,
      ...mapped.flatMap(({ mapping, devices }) =>
        devices.map(device => ruleFor(device, mapping.CgroupPermissions || ALL)),
      ),
      ...request.DeviceCgroupRules.map(parseDeviceRule),
    ],
  };
}

/** Major and minor of a block device, for limits on its use. @throws {EngineError} `invalid`. */
export function deviceNumbers(path: string): { readonly major: number; readonly minor: number } {
  try {
    return splitNumbers(statSync(path).rdev);
  } catch (error) {
    throw new EngineError('invalid', `stat ${path}: ${systemMessage(error)}`, { cause: error });
  }
}

function privilegedSettings(mappings: readonly DeviceMapping[]): DeviceSettings {
  const renamed = mappings.filter(({ PathOnHost, PathInContainer }) => PathOnHost !== PathInContainer);
  return {
    devices: [...devicesBelow('/dev', '/dev'), ...renamed.flatMap(mappedDevices)],
    rules: [{ allow: true, access: ALL }],
  };
}

/** `TYPE MAJOR:MINOR ACCESS`, with `*` for all numbers, or `a` for everything. */
export function parseDeviceRule(rule: string): DeviceRule {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(rule === 'a' ? 'a *:* rwm' : rule);
  if (!match) throw new EngineError('invalid', `invalid device cgroup rule format: '${rule}'`);
  const [, type = 'a', major = '*', minor = '*', access = ALL] = match;
  return {
    allow: true,
    type,
    ...(major !== '*' && { major: Number(major) }),
    ...(minor !== '*' && { minor: Number(minor) }),
    access,
  };
}

function mappedDevices(mapping: DeviceMapping): readonly OciDevice[] {
  const target = mapping.PathInContainer || mapping.PathOnHost;
  const source = resolveDevice(posix.normalize(mapping.PathOnHost));
  try {
    const stats = lstatSync(source);
    const device = asDevice(stats, target);
    if (device) return [device];
    const below = stats.isDirectory() ? devicesBelow(source, target) : [];
    if (below.length > 0) return below;
  } catch (error) {
    throw noDevice(mapping.PathOnHost, systemMessage(error), error);
  }
  throw noDevice(mapping.PathOnHost, 'not a device node');
}

/** A link is followed only to a device under /dev, as in /dev/disk/by-id. */
function resolveDevice(path: string): string {
  if (!posix.isAbsolute(path)) return path;
  try {
    if (!lstatSync(path).isSymbolicLink()) return path;
    const real = realpathSync(path);
    return real.startsWith('/dev/') ? real : path;
  } catch {
    return path; // whoever uses it reports what is wrong
  }
}

function devicesBelow(directory: string, target: string): OciDevice[] {
  const found: OciDevice[] = [];
  const pending: (readonly [from: string, to: string])[] = [[directory, target]];
  for (let next = pending.pop(); next && found.length < MAX_DEVICES; next = pending.pop()) {
    const [from, to] = next;
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      const path = join(from, entry.name);
      if (entry.isDirectory()) {
        if (!HIDDEN_DIRECTORIES.has(entry.name)) pending.push([path, join(to, entry.name)]);
        continue;
      }
      // A link into /dev is met again as the device itself when all of /dev is taken.
      const isHidden = HIDDEN_FILES.has(entry.name) || (entry.isSymbolicLink() && directory === '/dev');
      const device = isHidden ? undefined : deviceAt(resolveDevice(path), join(to, entry.name));
      if (device) found.push(device);
    }
  }
  return found;
}

function deviceAt(path: string, target: string): OciDevice | undefined {
  try {
    return asDevice(lstatSync(path), target);
  } catch {
    return undefined; // gone meanwhile
  }
}

function asDevice(stats: Stats, path: string): OciDevice | undefined {
  const type = stats.isBlockDevice() ? 'b' : stats.isCharacterDevice() ? 'c' : undefined;
  if (type === undefined) return undefined;
  const { uid, gid, mode, rdev } = stats;
  return { path, type, ...splitNumbers(rdev), fileMode: mode & 0o7777, uid, gid };
}

function ruleFor({ type, major, minor }: OciDevice, access: string): DeviceRule {
  return { allow: true, type, major, minor, access };
}

/** The kernel's 32-bit encoding (makedev(3)). */
function splitNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}

function noDevice(path: string, reason: string, cause?: unknown): EngineError {
  return new EngineError(
    'invalid',
    `error gathering device information while adding custom device "${path}": ${reason}`,
    { cause },
  );
}

/** Go's wording of the two errors people meet. */
function systemMessage(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file or directory';
  return code === 'EACCES' ? 'permission denied' : String(code ?? error);
}
