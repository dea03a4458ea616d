import { shortId } from '#base/ids';
import { ownValue } from '#base/own-value';
import type { ContainerEndpoint, ContainerView } from '#container/container';
import type { ApiMinor } from './api-version.ts';

const PREDEFINED = ['bridge', 'default', 'host', 'none'];

/** Engine API `NetworkSettings`. Up to 1.51 the default bridge's addresses are repeated at the top. */
export function networkSettingsToWire(view: ContainerView, version: ApiMinor) {
  const settings = {
    SandboxID: view.sandboxId,
    SandboxKey: view.sandboxKey,
    Ports: portMap(view),
    Networks: networksToWire(view, version),
  };
  return version < 52 ? { ...legacyFields(view), ...settings } : settings;
}

/** `Networks` as inspect and list both show it. */
export function networksToWire(view: ContainerView, version: ApiMinor) {
  return Object.fromEntries(
    view.endpoints.map(endpoint => [endpoint.networkName, endpointToWire(endpoint, view, version)]),
  );
}

function endpointToWire(endpoint: ContainerEndpoint, view: ContainerView, version: ApiMinor) {
  const configs = view.networking.EndpointsConfig;
  const config = ownValue(configs, endpoint.networkName) ?? ownValue(configs, endpoint.networkId);
  const ipam = config?.IPAMConfig;
  return {
    IPAMConfig: ipam ? withoutEmpty(ipam) : null,
    Links: orNull(config?.Links ?? []),
    Aliases: orNull(aliases(endpoint, view, version)),
    ...(version >= 44 || endpoint.macAddress ? { MacAddress: endpoint.macAddress } : {}),
    DriverOpts: config && Object.keys(config.DriverOpts).length > 0 ? config.DriverOpts : null,
    ...(version >= 48 ? { GwPriority: config?.GwPriority ?? 0 } : {}),
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.endpointId,
    Gateway: endpoint.gateway,
    IPAddress: endpoint.ipAddress,
    IPPrefixLen: endpoint.ipPrefixLength,
    IPv6Gateway: endpoint.ipv6Gateway,
    GlobalIPv6Address: endpoint.ipv6Address,
    GlobalIPv6PrefixLen: endpoint.ipv6PrefixLength,
    ...(version >= 44 ? { DNSNames: orNull(endpoint.dnsNames) } : {}),
  };
}

/** Before 1.45 the short ID and the host name were among the aliases, on networks of users. */
function aliases(endpoint: ContainerEndpoint, view: ContainerView, version: ApiMinor): readonly string[] {
  if (version >= 45 || PREDEFINED.includes(endpoint.networkName)) return endpoint.aliases;
  return [...new Set([...endpoint.aliases, shortId(view.id), view.config.Hostname])];
}

/** Ports of a running container: where they are published, `null` for those that are only exposed. */
function portMap(view: ContainerView): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const ports = new Map<string, { HostIp: string; HostPort: string }[] | null>();
  for (const port of exposedPorts(view)) ports.set(port, null);
  for (const { containerPort, protocol, hostIp, hostPort } of view.ports) {
    const key = `${containerPort}/${protocol}`;
    ports.set(key, [...(ports.get(key) ?? []), { HostIp: hostIp, HostPort: String(hostPort) }]);
  }
  return Object.fromEntries(ports);
}

/** `port/protocol` of what a running container exposes on networks of its own. */
export function exposedPorts(view: ContainerView): string[] {
  const isUp = view.state.status === 'running' || view.state.status === 'paused';
  const hasAddress = view.endpoints.some(
    ({ ipAddress, ipv6Address }) => ipAddress !== '' || ipv6Address !== '',
  );
  if (!isUp || !hasAddress) return [];
  return view.config.ExposedPorts.map(port => (port.includes('/') ? port : `${port}/tcp`));
}

function legacyFields({ endpoints }: ContainerView) {
  const bridge = endpoints.find(({ networkName }) => networkName === 'bridge');
  return {
    Bridge: '',
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.endpointId ?? '',
    Gateway: bridge?.gateway ?? '',
    GlobalIPv6Address: bridge?.ipv6Address ?? '',
    GlobalIPv6PrefixLen: bridge?.ipv6PrefixLength ?? 0,
    IPAddress: bridge?.ipAddress ?? '',
    IPPrefixLen: bridge?.ipPrefixLength ?? 0,
    IPv6Gateway: bridge?.ipv6Gateway ?? '',
    MacAddress: bridge?.macAddress ?? '',
  };
}

function withoutEmpty(map: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(map).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value !== '')),
  );
}

function orNull(list: readonly string[]): readonly string[] | null {
  return list.length > 0 ? list : null;
}
