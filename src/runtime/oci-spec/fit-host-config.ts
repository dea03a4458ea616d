import { EngineError } from '#base/errors';
import type { HostConfig } from '#spec/docker/host-config';
import { grantedCapabilities } from './capabilities.ts';
import { parseDeviceRule } from './devices.ts';
import { fitResources } from './fit-resources.ts';
import type { HostFacts } from './host-facts.ts';
import { checkNamespaceModes } from './namespaces.ts';
import { rlimits } from './rlimits.ts';
import { parseSeccompProfile } from './seccomp-profile.ts';
import { parseSecurityOptions } from './security-options.ts';
import { checkSysctls, type SysctlScope } from './sysctls.ts';
import { mergeTmpfsOptions } from './tmpfs-options.ts';

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;
const DEFAULT_IPC_MODE = 'private';

export interface FittedHostConfig {
  /** what inspect shows: defaults filled in, and what the host cannot do taken out */
  readonly hostConfig: HostConfig;
  /** sentences for the client, as `docker run` prints them */
  readonly warnings: readonly string[];
}

/**
 * Fits a container's settings to the host when the container is made: fills in defaults, refuses what is wrong, drops with
 * a warning what the kernel does not offer.
 *
 * @throws {EngineError} `invalid` with Docker's wording.
 */
export function fitHostConfig(given: HostConfig, host: HostFacts): FittedHostConfig {
  const { hostConfig, warnings } = fitResources(withDefaults(given, host), host);
  checkSettings(hostConfig, host);
  if (hostConfig.CgroupnsMode === 'private' && !host.cgroups.hasNamespaces) {
    return {
      hostConfig: { ...hostConfig, CgroupnsMode: 'host' },
      warnings: [
        ...warnings,
        'Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.',
      ],
    };
  }
  return { hostConfig, warnings };
}

function withDefaults(given: HostConfig, host: HostFacts): HostConfig {
  const cgroupnsMode = host.cgroups.version === 2 ? 'private' : 'host';
  const options = parseSecurityOptions(given.SecurityOpt);
  return {
    ...given,
    ShmSize: given.ShmSize === 0 ? DEFAULT_SHM_BYTES : given.ShmSize,
    IpcMode: given.IpcMode || DEFAULT_IPC_MODE,
    CgroupnsMode: given.CgroupnsMode || cgroupnsMode,
    // By default as much swap as memory.
    MemorySwap: given.Memory > 0 && given.MemorySwap === 0 ? given.Memory * 2 : given.MemorySwap,
    ...(options.hasOpenSystemPaths && { MaskedPaths: [], ReadonlyPaths: [] }),
  };
}

function checkSettings(config: HostConfig, host: HostFacts): void {
  checkNamespaceModes(config);
  if (config.ShmSize < 0) throw invalid('SHM size can not be less than 0');
  if (config.OomScoreAdj < -1000 || config.OomScoreAdj > 1000) {
    throw invalid(`Invalid value ${config.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  grantedCapabilities(config, host.capabilities);
  rlimits(config.Ulimits);
  for (const rule of config.DeviceCgroupRules) parseDeviceRule(rule);
  for (const [destination, options] of Object.entries(config.Tmpfs)) checkTmpfs(destination, options);
  checkSysctls(config.Sysctls, sysctlScope(config));
  const { seccomp } = parseSecurityOptions(config.SecurityOpt);
  if (seccomp !== 'builtin' && seccomp !== 'unconfined') parseSeccompProfile(seccomp);
}

/** Which settings of the kernel a container may set: those of name spaces that are not the host's. */
export function sysctlScope(config: Pick<HostConfig, 'NetworkMode' | 'IpcMode' | 'UTSMode'>): SysctlScope {
  return {
    hasNetwork: config.NetworkMode !== 'host',
    hasIpc: config.IpcMode !== 'host',
    hasUts: config.UTSMode !== 'host',
  };
}

function checkTmpfs(destination: string, options: string): void {
  if (!destination.startsWith('/')) {
    throw invalid(
      `invalid mount config for type "tmpfs": invalid mount path: '${destination}' mount path must be absolute`,
    );
  }
  if (/^\/+$/.test(destination)) {
    throw invalid("invalid mount config for type \"tmpfs\": invalid specification: destination can't be '/'");
  }
  mergeTmpfsOptions(options.split(',').filter(Boolean));
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
