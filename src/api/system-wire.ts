import { type ApiMinor, MAX_API_VERSION, MIN_API_VERSION } from './api-version.ts';
import type { HostReport, SystemInfo } from './system-info.ts';

/** Engine API `SystemVersion`. */
export function versionToWire(system: SystemInfo) {
  const { version, gitCommit, buildTime } = system.build;
  const engine = {
    ApiVersion: MAX_API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: gitCommit,
    GoVersion: '', // clients print it; the engine has none
    Os: 'linux',
    Arch: system.architecture,
    KernelVersion: system.kernelVersion,
    BuildTime: buildTime,
  };
  const components = system.components().map(({ name, version: itsVersion, details }) => ({
    Name: name,
    Version: itsVersion,
    Details: details,
  }));
  return {
    Platform: { Name: 'Quai' },
    Version: version,
    ...engine,
    Components: [
      { Name: 'Engine', Version: version, Details: { ...engine, Experimental: 'false' } },
      ...components,
    ],
  };
}

/** What else `info` counts. */
export interface InfoCounts {
  readonly running: number;
  readonly paused: number;
  readonly stopped: number;
  readonly images: number;
  readonly listeners: number;
}

/** Engine API `SystemInfo`. */
export function infoToWire(system: SystemInfo, counts: InfoCounts, version: ApiMinor) {
  const host = system.report();
  return {
    ID: host.id,
    Containers: counts.running + counts.paused + counts.stopped,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: counts.images,
    Driver: host.storageDriver,
    DriverStatus: host.storageStatus,
    Plugins: {
      Volume: host.volumeDrivers,
      Network: host.networkDrivers,
      Authorization: null,
      Log: host.logDrivers,
    },
    ...limitsToWire(host, version),
    IPv4Forwarding: host.forwardsIpv4,
    Debug: host.isDebug,
    NFd: host.openDescriptors,
    NGoroutines: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: host.logDriver,
    CgroupDriver: host.cgroupDriver,
    CgroupVersion: String(host.cgroupVersion),
    NEventsListener: counts.listeners,
    ...hostToWire(host),
    ServerVersion: system.build.version,
    ...runtimesToWire(host, version),
    Swarm: INACTIVE_SWARM,
    LiveRestoreEnabled: true,
    Isolation: '',
    SecurityOptions: host.securityOptions,
    ...(version >= 49 ? { FirewallBackend: { Driver: host.firewall } } : {}),
    ...(version >= 44 ? { CDISpecDirs: [] } : {}),
    Warnings: host.warnings,
  };
}

function limitsToWire({ limits }: HostReport, version: ApiMinor) {
  return {
    MemoryLimit: limits.memory,
    SwapLimit: limits.swap,
    ...(version < 42 ? { KernelMemory: false, KernelMemoryTCP: false } : {}),
    CpuCfsPeriod: limits.cpuQuota,
    CpuCfsQuota: limits.cpuQuota,
    CPUShares: limits.cpuShares,
    CPUSet: limits.cpuSet,
    PidsLimit: limits.pids,
    OomKillDisable: limits.oomKillDisable,
    ...(version < 50 ? { BridgeNfIptables: false, BridgeNfIp6tables: false } : {}),
  };
}

function hostToWire(host: HostReport) {
  return {
    KernelVersion: host.kernelVersion,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: host.machine,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: {
      InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
      IndexConfigs: { 'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true } },
      Mirrors: [],
    },
    NCPU: host.cpuCount,
    MemTotal: host.memoryBytes,
    GenericResources: null,
    DockerRootDir: host.rootDir,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Name: host.hostName,
    Labels: host.labels,
    ExperimentalBuild: false,
  };
}

function runtimesToWire(host: HostReport, version: ApiMinor) {
  const commit = (id: string) => ({ ID: id, ...(version < 49 ? { Expected: id } : {}) });
  return {
    Runtimes: Object.fromEntries([...host.runtimes].map(([name, path]) => [name, { path }])),
    DefaultRuntime: host.defaultRuntime,
    InitBinary: host.initBinary,
    ContainerdCommit: commit(''),
    RuncCommit: commit(host.runtimeVersion),
    InitCommit: commit(host.initVersion),
  };
}

const INACTIVE_SWARM = {
  NodeID: '',
  NodeAddr: '',
  LocalNodeState: 'inactive',
  ControlAvailable: false,
  Error: '',
  RemoteManagers: null,
};
