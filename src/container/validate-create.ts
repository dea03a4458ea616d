import { parseExtraHost } from '#network/extra-host';
import { parseLogConfig } from '#runtime/log/log-config';
import { type FittedHostConfig, fitHostConfig } from '#runtime/oci-spec/fit-host-config';
import type { HostFacts } from '#runtime/oci-spec/host-facts';
import type { ContainerCreateRequest } from '#spec/docker/container-create';
import type { HostConfig } from '#spec/docker/host-config';
import { parseBind, parseMount, parseVolumesFrom } from './mount-spec.ts';
import { planPorts } from './port-plan.ts';
import { parseContainerPorts } from './port-spec.ts';
import { checkContainerConfig } from './validate-config.ts';
import { checkHostSettings } from './validate-host.ts';
import { checkNetwork } from './validate-network.ts';

export interface CreateFacts {
  readonly host: HostFacts;
  /** names `--runtime` may have */
  readonly runtimes: readonly string[];
  /** `net.ipv4.ip_forward` is 0 and the engine was told not to set it */
  readonly isForwardingOff?: boolean;
}

/**
 * Judges a request by itself and by the host, before image, volumes or networks are looked at. Pure.
 *
 * @returns the host configuration as inspect shows it (defaults filled in, what the kernel cannot do taken out), and
 *   sentences for the client.
 * @throws {EngineError} `invalid`, in Docker's words and mostly in Docker's order.
 */
export function validateCreate(request: ContainerCreateRequest, facts: CreateFacts): FittedHostConfig {
  const { HostConfig: given, NetworkingConfig: networking, ...config } = request;
  checkNetwork({ config, hostConfig: given, networking });
  checkContainerConfig(config);
  checkHostSettings(given, facts);
  checkMounts(given);
  for (const host of given.ExtraHosts) parseExtraHost(host);
  for (const port of config.ExposedPorts) parseContainerPorts(port);
  planPorts(config, given);
  parseLogConfig(given.LogConfig);
  const { hostConfig, warnings } = fitHostConfig(given, facts.host);
  return { hostConfig, warnings: [...warnings, ...networkWarnings(request, facts)] };
}

function checkMounts({ Binds, Mounts, VolumesFrom, VolumeDriver }: HostConfig): void {
  for (const bind of Binds) parseBind(bind, VolumeDriver);
  for (const mount of Mounts) parseMount(mount);
  for (const source of VolumesFrom) parseVolumesFrom(source);
}

const LINKS_DEPRECATED =
  'Links are deprecated (--link): containers on a network made with `network create` find each other by name';

function networkWarnings(
  { HostConfig: { NetworkMode, PortBindings, Links }, NetworkingConfig }: ContainerCreateRequest,
  { isForwardingOff = false }: CreateFacts,
): string[] {
  const isHost = NetworkMode === 'host';
  const endpoints = Object.values(NetworkingConfig.EndpointsConfig);
  const hasLinks = Links.length > 0 || endpoints.some(endpoint => endpoint.Links.length > 0);
  return [
    ...(isForwardingOff && !isHost && NetworkMode !== 'none'
      ? ['IPv4 forwarding is disabled. Networking will not work.']
      : []),
    ...(isHost && Object.keys(PortBindings).length > 0
      ? ['Published ports are discarded when using host network mode']
      : []),
    ...(hasLinks ? [LINKS_DEPRECATED] : []),
  ];
}
