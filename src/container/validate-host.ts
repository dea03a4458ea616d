import { EngineError, isKind } from '#base/errors';
import { checkAnnotations } from '#runtime/oci-spec/annotations';
import { grantedCapabilities } from '#runtime/oci-spec/capabilities';
import type { HostFacts } from '#runtime/oci-spec/host-facts';
import type { HostConfig } from '#spec/docker/host-config';
import { shown } from './shown.ts';

/** NAME_MAX of linux/limits.h; and a fourth of PATH_MAX, as the hierarchy's and the container's own names are added. */
const LONGEST_FILE_NAME = 255;
const LONGEST_CGROUP_PATH = 1024;
const POLICIES = ['no', 'always', 'on-failure', 'unless-stopped'];

/** Settings that stand for themselves. @throws {EngineError} `invalid`, in Docker's words. */
export function checkHostSettings(
  config: HostConfig,
  {
    runtimes,
    host,
  }: { readonly runtimes: readonly string[]; readonly host: Pick<HostFacts, 'capabilities'> },
): void {
  checkRestartPolicy(config);
  checkCapabilities('CapAdd', config.CapAdd, host);
  checkCapabilities('CapDrop', config.CapDrop, host);
  if (config.Runtime !== '' && !runtimes.includes(config.Runtime)) {
    throw invalid(`unknown or invalid runtime name: ${shown(config.Runtime)}`);
  }
  if (!['', 'default'].includes(config.Isolation.toLowerCase())) {
    throw invalid(`Invalid isolation: "${shown(config.Isolation)}" - linux only supports 'default'`);
  }
  checkRealtime(config);
  if (config.KernelMemoryTCP !== 0 && config.KernelMemoryTCP < -1) {
    throw invalid(`invalid kernel memory TCP limit: ${config.KernelMemoryTCP}`);
  }
  if (Object.hasOwn(config.Annotations, '')) {
    throw invalid('invalid Annotations: the empty string is not permitted as an annotation key');
  }
  checkAnnotations(config.Annotations);
  checkStorageOptions(config.StorageOpt);
  checkCgroupParent(config.CgroupParent);
  checkDevices(config);
  checkBlockDevices(config);
  for (const group of config.GroupAdd) {
    if (!/^[^\s:\0]+$/.test(group)) throw invalid(`invalid group: ${JSON.stringify(shown(group))}`);
  }
}

/** @throws {EngineError} `invalid`, in Docker's words. */
export function checkRealtime({
  CpuRealtimePeriod,
  CpuRealtimeRuntime,
}: Pick<HostConfig, 'CpuRealtimePeriod' | 'CpuRealtimeRuntime'>): void {
  if (CpuRealtimePeriod === 0 && CpuRealtimeRuntime === 0) return;
  throw invalid('kernel does not support CPU real-time scheduler');
}

/** @throws {EngineError} `invalid`, in Docker's words. */
export function checkRestartPolicy({
  RestartPolicy: { Name, MaximumRetryCount },
  AutoRemove,
}: Pick<HostConfig, 'RestartPolicy' | 'AutoRemove'>): void {
  const isNone = Name === '' || Name === 'no';
  if (AutoRemove && !isNone) throw invalid("can't create 'AutoRemove' container with restart policy");
  if (Name === '') return; // old clients send any count with it
  if (!POLICIES.includes(Name)) {
    throw invalid(
      `invalid restart policy: unknown policy '${shown(Name)}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (Name !== 'on-failure' && MaximumRetryCount !== 0) {
    const more = MaximumRetryCount < 0 ? ' and cannot be negative' : '';
    throw invalid(`invalid restart policy: maximum retry count can only be used with 'on-failure'${more}`);
  }
  if (MaximumRetryCount < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative');
}

/** In front of the reason Docker says which list it is; its clients match on the whole. */
function checkCapabilities(
  field: 'CapAdd' | 'CapDrop',
  names: readonly string[],
  { capabilities }: Pick<HostFacts, 'capabilities'>,
): void {
  try {
    grantedCapabilities({ Privileged: false, CapAdd: [...names], CapDrop: [] }, capabilities);
  } catch (error) {
    if (!isKind(error, 'invalid')) throw error;
    throw new EngineError('invalid', `invalid ${field}: ${error.message}`, { cause: error });
  }
}

function checkStorageOptions(options: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(options)) {
    if (name !== 'size') throw invalid(`Unknown option ${shown(name)}`);
    throw invalid(
      '--storage-opt size is not supported here: it takes project quotas on the file system of the data root',
    );
  }
}

/** A path below the root of the control groups: it must not lead out of it, and be one that the kernel takes. */
function checkCgroupParent(path: string): void {
  const names = path.split('/');
  const isTooLong =
    Buffer.byteLength(path) > LONGEST_CGROUP_PATH ||
    names.some(name => Buffer.byteLength(name) > LONGEST_FILE_NAME);
  if (isTooLong || names.includes('..') || /\p{Cc}/u.test(path)) {
    throw invalid(`invalid cgroup parent: ${shown(path)}`);
  }
}

function checkDevices({ Devices }: HostConfig): void {
  for (const { PathOnHost, PathInContainer, CgroupPermissions } of Devices) {
    if (!PathOnHost.startsWith('/')) throw invalid(`${shown(PathOnHost) || "''"} is not an absolute path`);
    if (PathInContainer !== '' && !PathInContainer.startsWith('/')) {
      throw invalid(`${shown(PathInContainer)} is not an absolute path`);
    }
    if (
      !/^[rwm]{0,3}$/.test(CgroupPermissions) ||
      new Set(CgroupPermissions).size !== CgroupPermissions.length
    ) {
      throw invalid(
        `invalid device mode: ${shown(CgroupPermissions)}: letters of "rwm" are allowed, once each`,
      );
    }
  }
}

function checkBlockDevices(config: HostConfig): void {
  for (const { Path, Weight } of config.BlkioWeightDevice) {
    if (!Path.startsWith('/')) throw invalid(`${shown(Path) || "''"} is not an absolute path`);
    if (Weight !== 0 && (Weight < 10 || Weight > 1000))
      throw invalid('Range of blkio weight is from 10 to 1000');
  }
  const throttles = [
    ...config.BlkioDeviceReadBps,
    ...config.BlkioDeviceWriteBps,
    ...config.BlkioDeviceReadIOps,
    ...config.BlkioDeviceWriteIOps,
  ];
  for (const { Path, Rate } of throttles) {
    if (!Path.startsWith('/')) throw invalid(`${shown(Path) || "''"} is not an absolute path`);
    if (Rate < 0) throw invalid(`invalid rate for device: ${shown(Path)}: ${Rate}`);
  }
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
