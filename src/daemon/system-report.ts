import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, hostname, machine, release, totalmem } from 'node:os';
import type { EngineBuild, EngineComponent, HostReport, SystemInfo } from '#api/system-info';
import type { Plugins } from '#plugin/plugins';
import type { HostFacts } from '#runtime/oci-spec/host-facts';
import { fileSystemName } from '#sys/file-system';
import type { DaemonConfig } from './daemon-config.ts';
import type { HostPrograms } from './host-programs.ts';

export interface SystemReportDeps {
  readonly build: EngineBuild;
  readonly engineId: string;
  readonly config: DaemonConfig;
  readonly host: HostFacts;
  readonly programs: HostPrograms;
  readonly storageDriver: string;
  readonly plugins: Pick<Plugins, 'activeNames'>;
}

/** What `docker info` and `docker version` say about the host and the engine. */
export class SystemReport implements SystemInfo {
  readonly build: EngineBuild;
  readonly architecture: string;
  readonly kernelVersion = release();
  readonly #deps: SystemReportDeps;

  constructor(deps: SystemReportDeps) {
    this.#deps = deps;
    this.build = deps.build;
    this.architecture = deps.host.architecture;
  }

  components(): readonly EngineComponent[] {
    const { programs } = this.#deps;
    return [
      { name: 'node', version: process.versions.node, details: {} },
      { name: 'conmon', version: programs.version('conmon'), details: {} },
      ...[...programs.runtimes.keys()].map(name => ({ name, version: programs.version(name), details: {} })),
    ];
  }

  report(): HostReport {
    const { config, host, programs, engineId, storageDriver, plugins } = this.#deps;
    const { cgroups } = host;
    const os = osRelease();
    return {
      id: engineId,
      hostName: hostname(),
      operatingSystem: os.get('PRETTY_NAME') ?? 'Linux',
      osVersion: os.get('VERSION_ID') ?? '',
      kernelVersion: this.kernelVersion,
      machine: machine(),
      cpuCount: availableParallelism(),
      memoryBytes: totalmem(),
      rootDir: config.root,
      storageDriver,
      storageStatus: [['Backing Filesystem', fileSystemName(config.root)]],
      cgroupVersion: cgroups.version,
      cgroupDriver: 'cgroupfs',
      limits: {
        memory: cgroups.hasMemoryLimit,
        swap: cgroups.hasSwapLimit,
        cpuQuota: cgroups.hasCpuQuota,
        cpuShares: cgroups.hasCpuShares,
        cpuSet: cgroups.hasCpuset,
        pids: cgroups.hasPidsLimit,
        oomKillDisable: cgroups.hasOomKillDisable,
      },
      forwardsIpv4: readText('/proc/sys/net/ipv4/ip_forward').trim() === '1',
      firewall: 'nftables',
      runtimes: programs.runtimes,
      defaultRuntime: config.defaultRuntime,
      runtimeVersion: runtimeVersion(config.defaultRuntime, programs),
      initBinary: programs.init ?? '',
      initVersion: programs.version('init'),
      securityOptions: ['name=seccomp,profile=builtin', ...(cgroups.version === 2 ? ['name=cgroupns'] : [])],
      logDriver: 'json-file',
      logDrivers: ['json-file', 'k8s-file', 'local', 'none'],
      networkDrivers: ['bridge', 'host', 'null', ...plugins.activeNames('NetworkDriver')],
      volumeDrivers: ['local', ...plugins.activeNames('VolumeDriver')],
      labels: config.labels,
      warnings: warnings(host),
      isDebug: config.logLevel === 'debug',
      openDescriptors: readdirSync('/proc/self/fd').length,
    };
  }
}

function warnings({ cgroups }: HostFacts): string[] {
  const missing: readonly [has: boolean, what: string][] = [
    [cgroups.hasMemoryLimit, 'WARNING: No memory limit support'],
    [cgroups.hasSwapLimit, 'WARNING: No swap limit support'],
    [cgroups.hasCpuQuota, 'WARNING: No cpu cfs quota support'],
    [cgroups.hasCpuset, 'WARNING: No cpuset support'],
    [cgroups.hasPidsLimit, 'WARNING: No pids limit support: a fork bomb in a container can harm the host'],
  ];
  return missing.filter(([has]) => !has).map(([, what]) => what);
}

function osRelease(): ReadonlyMap<string, string> {
  const lines = readText('/etc/os-release').split('\n');
  return new Map(
    lines.flatMap(line => {
      const match = /^([A-Z_]+)="?(.*?)"?$/.exec(line);
      return match ? [[match[1] ?? '', match[2] ?? ''] as const] : [];
    }),
  );
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Docker's field is of runc and without a name; any other names itself. */
function runtimeVersion(name: string, programs: HostPrograms): string {
  const version = programs.version(name);
  return name === 'runc' || version === '' ? version : `${name} ${version}`;
}
