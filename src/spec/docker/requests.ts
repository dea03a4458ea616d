import * as v from 'valibot';
import { EndpointSettings } from './container-config.ts';
import { HostConfig } from './host-config.ts';
import { command, flag, maybe, orDefault, text, textMap, texts, whole } from './lenient.ts';

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 32 - 1));
/** rows, columns */
const ConsoleSize = maybe(v.tuple([size, size]));

/** Body of `POST /containers/{id}/exec`. */
export const ExecCreateRequest = v.object({
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ConsoleSize,
  DetachKeys: text,
  Tty: flag,
  Env: texts,
  Cmd: command,
  Privileged: flag,
  User: text,
  WorkingDir: text,
});
export type ExecCreateRequest = v.InferOutput<typeof ExecCreateRequest>;

/** Body of `POST /exec/{id}/start`. */
export const ExecStartRequest = v.object({ Detach: flag, Tty: flag, ConsoleSize });

/** Body of `POST /volumes/create`. */
export const VolumeCreateRequest = v.object({
  Name: text,
  Driver: text,
  DriverOpts: textMap,
  Labels: textMap,
  ClusterVolumeSpec: maybe(v.looseObject({})),
});

const IpamConfig = v.object({ Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: textMap });

/** Body of `POST /networks/create`. */
export const NetworkCreateRequest = v.object({
  Name: text,
  Driver: text,
  Scope: text,
  EnableIPv4: maybe(v.boolean()),
  EnableIPv6: maybe(v.boolean()),
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: maybe(v.object({ Network: text })),
  IPAM: maybe(v.object({ Driver: text, Options: textMap, Config: orDefault(v.array(IpamConfig), []) })),
  Options: textMap,
  Labels: textMap,
});
export type NetworkCreateRequest = v.InferOutput<typeof NetworkCreateRequest>;

/** Body of `POST /networks/{id}/connect`. */
export const NetworkConnectRequest = v.object({
  Container: text,
  EndpointConfig: orDefault(EndpointSettings, v.parse(EndpointSettings, {})),
});

/** Body of `POST /quai/containers/{id}/ports`: bindings by `port/proto`, as in a host configuration. */
export const PortChangeRequest = v.object({
  Add: HostConfig.entries.PortBindings,
  Remove: HostConfig.entries.PortBindings,
});

/** Body of `POST /containers/{id}/update`: 0 and empty leave what there is. */
export const ContainerUpdateRequest = v.object({
  BlkioWeight: HostConfig.entries.BlkioWeight,
  CpuPeriod: HostConfig.entries.CpuPeriod,
  CpuQuota: HostConfig.entries.CpuQuota,
  CpuRealtimePeriod: HostConfig.entries.CpuRealtimePeriod,
  CpuRealtimeRuntime: HostConfig.entries.CpuRealtimeRuntime,
  CpuShares: HostConfig.entries.CpuShares,
  CpusetCpus: HostConfig.entries.CpusetCpus,
  CpusetMems: HostConfig.entries.CpusetMems,
  Memory: HostConfig.entries.Memory,
  MemoryReservation: HostConfig.entries.MemoryReservation,
  MemorySwap: HostConfig.entries.MemorySwap,
  NanoCpus: HostConfig.entries.NanoCpus,
  PidsLimit: HostConfig.entries.PidsLimit,
  RestartPolicy: maybe(v.object({ Name: text, MaximumRetryCount: whole })),
});
export type ContainerUpdateRequest = v.InferOutput<typeof ContainerUpdateRequest>;

/** Body of `POST /networks/{id}/disconnect`. */
export const NetworkDisconnectRequest = v.object({ Container: text, Force: flag });
