/** What is known about this build of the engine. */
export interface EngineBuild {
  readonly version: string;
  readonly gitCommit: string;
  /** RFC 3339 */
  readonly buildTime: string;
}

/** A program the engine drives, or itself. */
export interface EngineComponent {
  readonly name: string;
  readonly version: string;
  readonly details: Readonly<Record<string, string>>;
}

/** The host and the engine's configuration as `docker info` shows them. */
export interface HostReport {
  readonly id: string;
  readonly hostName: string;
  /** `Debian GNU/Linux 12 (bookworm)` */
  readonly operatingSystem: string;
  readonly osVersion: string;
  readonly kernelVersion: string;
  /** as `uname -m`: `x86_64` */
  readonly machine: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly rootDir: string;
  readonly storageDriver: string;
  readonly storageStatus: readonly (readonly [string, string])[];
  readonly cgroupVersion: 1 | 2;
  readonly cgroupDriver: 'cgroupfs' | 'systemd' | 'none';
  /** what can be limited here */
  readonly limits: {
    readonly memory: boolean;
    readonly swap: boolean;
    readonly cpuQuota: boolean;
    readonly cpuShares: boolean;
    readonly cpuSet: boolean;
    readonly pids: boolean;
    readonly oomKillDisable: boolean;
  };
  readonly forwardsIpv4: boolean;
  readonly firewall: string;
  /** name → path */
  readonly runtimes: ReadonlyMap<string, string>;
  readonly defaultRuntime: string;
  readonly runtimeVersion: string;
  readonly initBinary: string;
  readonly initVersion: string;
  /** `name=seccomp,profile=builtin` */
  readonly securityOptions: readonly string[];
  readonly logDriver: string;
  readonly logDrivers: readonly string[];
  readonly networkDrivers: readonly string[];
  readonly volumeDrivers: readonly string[];
  readonly labels: readonly string[];
  readonly warnings: readonly string[];
  readonly isDebug: boolean;
  readonly openDescriptors: number;
}

/** Where the API gets its facts about the host and the engine from. Called once per request. */
export interface SystemInfo {
  readonly build: EngineBuild;
  /** as Go names it: `amd64`, `arm64` */
  readonly architecture: string;
  readonly kernelVersion: string;
  /** conmon, crun and such, for `docker version` */
  components(): readonly EngineComponent[];
  report(): HostReport;
}
