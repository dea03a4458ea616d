import { ownValue } from '#base/own-value';
import type { Endpoint } from '#network/network';
import type { Container, ContainerEndpoint, ContainerPort, ContainerView } from './container.ts';
import { hasProcess } from './container-machine.ts';
import type { ContainerContext } from './context.ts';
import { networkModeOf } from './network-mode.ts';

/** A container with what is only known live: its endpoints, published ports and running execs. */
export function containerView(
  context: ContainerContext,
  container: Container,
  execIds: ContainerView['execIds'],
): ContainerView {
  const { id, state } = container;
  const { paths, networks } = context;
  const live = networks.endpointsOf(id);
  const hasSandbox = hasProcess(state.status) && ['networks', 'none'].includes(networkModeOf(container).kind);
  return {
    ...container,
    endpoints: [...live.map(toEndpoint), ...configuredEndpoints(context, container, live)],
    ports: live.flatMap(endpoint =>
      endpoint.ports.map(
        ({ hostIp, hostPort, containerPort, protocol }): ContainerPort => ({
          hostIp,
          hostPort,
          containerPort,
          protocol,
        }),
      ),
    ),
    sandboxKey: hasSandbox ? networks.sandboxPath(id) : '',
    sandboxId: hasSandbox ? id : '',
    execIds,
    logPath: paths.log(id),
    hostsPath: paths.file(id, 'hosts'),
    hostnamePath: paths.file(id, 'hostname'),
    resolvConfPath: paths.file(id, 'resolv.conf'),
  };
}

/** As inspect has it: with the places of its file system, which are looked up in the database. */
export function detailedView(
  context: ContainerContext,
  container: Container,
  execIds: ContainerView['execIds'],
): ContainerView {
  const { id } = container;
  const { driver } = context.snapshots;
  const snapshotDirectories = {
    driver,
    ...context.snapshots.directories(id),
    merged: context.paths.rootfs(id),
  };
  return { ...containerView(context, container, execIds), snapshotDirectories };
}

function toEndpoint(endpoint: Endpoint): ContainerEndpoint {
  return {
    networkName: endpoint.networkName,
    networkId: endpoint.networkId,
    endpointId: endpoint.id,
    gateway: endpoint.ipv4?.gateway ?? '',
    ipAddress: endpoint.ipv4?.address ?? '',
    ipPrefixLength: endpoint.ipv4?.prefixLength ?? 0,
    ipv6Gateway: endpoint.ipv6?.gateway ?? '',
    ipv6Address: endpoint.ipv6?.address ?? '',
    ipv6PrefixLength: endpoint.ipv6?.prefixLength ?? 0,
    macAddress: endpoint.macAddress,
    aliases: endpoint.aliases,
    dnsNames: endpoint.dnsNames,
  };
}

/** Networks a container is configured for and has no address on: it does not run, or they have none. */
function configuredEndpoints(
  { networks }: ContainerContext,
  container: Container,
  live: readonly Endpoint[],
): ContainerEndpoint[] {
  const names = Object.keys(container.networking.EndpointsConfig);
  const missing = names.filter(
    name => !live.some(endpoint => [endpoint.networkName, endpoint.networkId].includes(name)),
  );
  return missing.map(name => {
    const network = networks.find(name);
    return {
      networkName: network?.name ?? name,
      networkId: network?.id ?? '',
      endpointId: '',
      gateway: '',
      ipAddress: '',
      ipPrefixLength: 0,
      ipv6Gateway: '',
      ipv6Address: '',
      ipv6PrefixLength: 0,
      macAddress: '',
      aliases: ownValue(container.networking.EndpointsConfig, name)?.Aliases ?? [],
      dnsNames: [],
    };
  });
}
