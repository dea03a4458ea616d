import * as v from 'valibot';
import { flag, mapOf, maybe, orDefault, text, textMap, texts, whole } from './lenient.ts';

const integer = v.pipe(v.number(), v.safeInteger());

export const PortBinding = v.object({ HostIp: text, HostPort: text });
export type PortBinding = v.InferOutput<typeof PortBinding>;

const RestartPolicy = v.object({
  Name: orDefault(v.string(), 'no'),
  MaximumRetryCount: whole,
});

const WeightDevice = v.object({ Path: text, Weight: whole });
const ThrottleDevice = v.object({ Path: text, Rate: whole });
export const DeviceMapping = v.object({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text });
export type DeviceMapping = v.InferOutput<typeof DeviceMapping>;
const DeviceRequest = v.object({
  Driver: text,
  Count: whole,
  DeviceIDs: texts,
  Capabilities: orDefault(v.array(v.array(v.string())), []),
  Options: textMap,
});
const Ulimit = v.object({ Name: text, Hard: whole, Soft: whole });

/** One entry of `--mount` (Engine API `Mount`). */
export const Mount = v.object({
  Type: orDefault(v.string(), 'volume'),
  Source: text,
  Target: text,
  ReadOnly: flag,
  Consistency: text,
  BindOptions: maybe(
    v.object({
      Propagation: text,
      NonRecursive: flag,
      CreateMountpoint: flag,
      ReadOnlyNonRecursive: flag,
      ReadOnlyForceRecursive: flag,
    }),
  ),
  VolumeOptions: maybe(
    v.object({
      NoCopy: flag,
      Labels: textMap,
      DriverConfig: maybe(v.object({ Name: text, Options: textMap })),
      Subpath: text,
    }),
  ),
  ImageOptions: maybe(v.object({ Subpath: text })),
  TmpfsOptions: maybe(
    v.object({
      SizeBytes: whole,
      Mode: maybe(integer),
      Options: orDefault(v.array(v.array(v.string())), []),
    }),
  ),
});
export type Mount = v.InferOutput<typeof Mount>;

/** The part of a container that depends on the host (Engine API `HostConfig`, Linux fields). Sizes in bytes. */
export const HostConfig = v.object({
  Binds: texts,
  ContainerIDFile: text,
  LogConfig: orDefault(v.object({ Type: text, Config: textMap }), {}),
  NetworkMode: text,
  /** `port/proto` → bindings */
  PortBindings: orDefault(mapOf(orDefault(v.array(PortBinding), [])), {}),
  RestartPolicy: orDefault(RestartPolicy, {}),
  AutoRemove: flag,
  VolumeDriver: text,
  VolumesFrom: texts,
  Mounts: orDefault(v.array(Mount), []),
  ConsoleSize: maybe(v.pipe(v.tuple([integer, integer]))),
  Annotations: textMap,
  CapAdd: texts,
  CapDrop: texts,
  CgroupnsMode: text,
  Dns: texts,
  DnsOptions: texts,
  DnsSearch: texts,
  ExtraHosts: texts,
  GroupAdd: texts,
  IpcMode: text,
  Cgroup: text,
  Links: texts,
  OomScoreAdj: whole,
  PidMode: text,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: texts,
  StorageOpt: textMap,
  Tmpfs: textMap,
  UTSMode: text,
  UsernsMode: text,
  ShmSize: whole,
  Sysctls: textMap,
  Runtime: text,
  Isolation: text,
  CpuShares: whole,
  Memory: whole,
  NanoCpus: whole,
  CgroupParent: text,
  BlkioWeight: whole,
  BlkioWeightDevice: orDefault(v.array(WeightDevice), []),
  BlkioDeviceReadBps: orDefault(v.array(ThrottleDevice), []),
  BlkioDeviceWriteBps: orDefault(v.array(ThrottleDevice), []),
  BlkioDeviceReadIOps: orDefault(v.array(ThrottleDevice), []),
  BlkioDeviceWriteIOps: orDefault(v.array(ThrottleDevice), []),
  CpuPeriod: whole,
  CpuQuota: whole,
  CpuRealtimePeriod: whole,
  CpuRealtimeRuntime: whole,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: orDefault(v.array(DeviceMapping), []),
  DeviceCgroupRules: texts,
  DeviceRequests: orDefault(v.array(DeviceRequest), []),
  KernelMemoryTCP: whole,
  MemoryReservation: whole,
  MemorySwap: whole,
  MemorySwappiness: maybe(integer),
  OomKillDisable: maybe(v.boolean()),
  PidsLimit: maybe(integer),
  Ulimits: orDefault(v.array(Ulimit), []),
  /** absent: the default lists; `[]`: none (as `--security-opt systempaths=unconfined` sends) */
  MaskedPaths: maybe(v.array(v.string())),
  ReadonlyPaths: maybe(v.array(v.string())),
  /** tri-state: absent means the daemon's default */
  Init: maybe(v.boolean()),
});
export type HostConfig = v.InferOutput<typeof HostConfig>;
