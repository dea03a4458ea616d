import type { HostConfig } from '#spec/docker/host-config';
import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from '#spec/docker/protected-paths';
import type { ApiMinor } from './api-version.ts';

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** Engine API `HostConfig`, with the defaults Docker fills in at creation, and its choice of `null` or empty. */
export function hostConfigToWire(config: HostConfig, version: ApiMinor) {
  return {
    Binds: orNull(config.Binds),
    ContainerIDFile: config.ContainerIDFile,
    LogConfig: { Type: config.LogConfig.Type || 'json-file', Config: config.LogConfig.Config },
    NetworkMode: config.NetworkMode || 'default',
    PortBindings: config.PortBindings,
    RestartPolicy: config.RestartPolicy,
    AutoRemove: config.AutoRemove,
    VolumeDriver: config.VolumeDriver,
    VolumesFrom: orNull(config.VolumesFrom),
    ConsoleSize: config.ConsoleSize ?? [0, 0],
    ...(config.Mounts.length > 0 ? { Mounts: config.Mounts.map(mountToWire) } : {}),
    ...(Object.keys(config.Annotations).length > 0 && version >= 43
      ? { Annotations: config.Annotations }
      : {}),
    ...isolationToWire(config),
    ...resourcesToWire(config, version),
    ...(config.Init === undefined ? {} : { Init: config.Init }),
  };
}

function isolationToWire(config: HostConfig) {
  const { Privileged: isPrivileged } = config;
  return {
    CapAdd: orNull(config.CapAdd),
    CapDrop: orNull(config.CapDrop),
    CgroupnsMode: config.CgroupnsMode || 'private',
    Dns: config.Dns,
    DnsOptions: config.DnsOptions,
    DnsSearch: config.DnsSearch,
    ExtraHosts: orNull(config.ExtraHosts),
    GroupAdd: orNull(config.GroupAdd),
    IpcMode: config.IpcMode || 'private',
    Cgroup: config.Cgroup,
    Links: orNull(config.Links),
    OomScoreAdj: config.OomScoreAdj,
    PidMode: config.PidMode,
    Privileged: isPrivileged,
    PublishAllPorts: config.PublishAllPorts,
    ReadonlyRootfs: config.ReadonlyRootfs,
    SecurityOpt: orNull(config.SecurityOpt),
    ...ifAny('StorageOpt', config.StorageOpt),
    ...ifAny('Tmpfs', config.Tmpfs),
    UTSMode: config.UTSMode,
    UsernsMode: config.UsernsMode,
    ShmSize: config.ShmSize || DEFAULT_SHM_BYTES,
    ...ifAny('Sysctls', config.Sysctls),
    Runtime: config.Runtime,
    Isolation: config.Isolation,
    MaskedPaths: config.MaskedPaths ?? (isPrivileged ? null : DEFAULT_MASKED_PATHS),
    ReadonlyPaths: config.ReadonlyPaths ?? (isPrivileged ? null : DEFAULT_READONLY_PATHS),
  };
}

function resourcesToWire(config: HostConfig, version: ApiMinor) {
  return {
    CpuShares: config.CpuShares,
    Memory: config.Memory,
    NanoCpus: config.NanoCpus,
    CgroupParent: config.CgroupParent,
    BlkioWeight: config.BlkioWeight,
    BlkioWeightDevice: config.BlkioWeightDevice,
    BlkioDeviceReadBps: config.BlkioDeviceReadBps,
    BlkioDeviceWriteBps: config.BlkioDeviceWriteBps,
    BlkioDeviceReadIOps: config.BlkioDeviceReadIOps,
    BlkioDeviceWriteIOps: config.BlkioDeviceWriteIOps,
    CpuPeriod: config.CpuPeriod,
    CpuQuota: config.CpuQuota,
    CpuRealtimePeriod: config.CpuRealtimePeriod,
    CpuRealtimeRuntime: config.CpuRealtimeRuntime,
    CpusetCpus: config.CpusetCpus,
    CpusetMems: config.CpusetMems,
    Devices: config.Devices,
    DeviceCgroupRules: orNull(config.DeviceCgroupRules),
    DeviceRequests: orNull(config.DeviceRequests),
    ...(version < 42 ? { KernelMemory: 0 } : {}),
    ...(version < 42 || (version < 52 && config.KernelMemoryTCP > 0)
      ? { KernelMemoryTCP: config.KernelMemoryTCP }
      : {}),
    MemoryReservation: config.MemoryReservation,
    MemorySwap: config.MemorySwap,
    MemorySwappiness: config.MemorySwappiness ?? null,
    OomKillDisable: config.OomKillDisable ?? null,
    PidsLimit: config.PidsLimit ?? null,
    Ulimits: config.Ulimits,
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  };
}

/** Go leaves out what is empty in a mount. */
function mountToWire(mount: HostConfig['Mounts'][number]): Record<string, unknown> {
  return withoutEmpty(mount);
}

function withoutEmpty(value: object): Record<string, unknown> {
  const entries = Object.entries(value).flatMap(([key, field]: [string, unknown]) => {
    if (field === undefined || field === '' || field === false || field === 0) return [];
    if (Array.isArray(field)) return field.length > 0 ? [[key, field] as const] : [];
    if (typeof field !== 'object' || field === null) return [[key, field] as const];
    const isMap = key === 'Labels' || (key === 'Options' && !Array.isArray(field));
    if (isMap) return Object.keys(field).length > 0 ? [[key, field] as const] : [];
    return [[key, withoutEmpty(field)] as const];
  });
  return Object.fromEntries(entries);
}

function ifAny(name: string, map: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.keys(map).length > 0 ? { [name]: map } : {};
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length > 0 ? list : null;
}
