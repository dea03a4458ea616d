import { ownValue } from '#base/own-value';
import type { EndpointRequest } from '#network/network';
import type { EndpointSettings, NetworkingConfig } from '#spec/docker/container-config';
import type { Container } from './container.ts';

const NO_SETTINGS: EndpointSettings = {
  Links: [],
  Aliases: [],
  MacAddress: '',
  DriverOpts: {},
  GwPriority: 0,
};

/** What `--network` says: the host's name space, another container's, or one of its own on named networks. */
export type NetworkMode =
  | { readonly kind: 'host' }
  | { readonly kind: 'container'; readonly reference: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'networks'; readonly primary: string };

export function networkModeOf({ hostConfig, config }: Pick<Container, 'hostConfig' | 'config'>): NetworkMode {
  const mode = hostConfig.NetworkMode;
  if (mode === 'host') return { kind: 'host' };
  if (mode === 'none' || config.NetworkDisabled) return { kind: 'none' };
  if (mode.startsWith('container:')) return { kind: 'container', reference: mode.slice('container:'.length) };
  return { kind: 'networks', primary: mode === '' || mode === 'default' ? 'bridge' : mode };
}

/** What the client asked for, with the network of `--network` always among it, under its name. Done once, at creation. */
export function completeNetworking(
  container: Pick<Container, 'hostConfig' | 'config'>,
  { EndpointsConfig: { default: byDefault, ...named } }: NetworkingConfig,
): NetworkingConfig {
  const mode = networkModeOf(container);
  if (mode.kind === 'container') return { EndpointsConfig: {} };
  const primary = mode.kind === 'networks' ? mode.primary : mode.kind;
  const settings = ownValue(named, primary) ?? byDefault ?? NO_SETTINGS;
  const MacAddress = settings.MacAddress || container.config.MacAddress;
  return { EndpointsConfig: { ...named, [primary]: { ...settings, MacAddress } } };
}

/** One request per network, the one of `--network` first. */
export function endpointRequests(container: Container): EndpointRequest[] {
  const mode = networkModeOf(container);
  if (mode.kind !== 'networks') return [];
  const configured = Object.entries(container.networking.EndpointsConfig);
  const primaryFirst = configured.toSorted(
    ([a], [b]) => Number(b === mode.primary) - Number(a === mode.primary),
  );
  // On the default network links are lines of /etc/hosts, elsewhere names that only this container knows.
  const links = mode.primary === 'bridge' ? [] : container.hostConfig.Links;
  return primaryFirst.map(([name, settings]) => {
    const request = toRequest(name, settings);
    return name === mode.primary
      ? { ...request, links: [...new Set([...links, ...request.links])] }
      : request;
  });
}

export function toRequest(network: string, settings: EndpointSettings): EndpointRequest {
  const { MacAddress, IPAMConfig } = settings;
  return {
    network,
    ...(IPAMConfig?.IPv4Address ? { ipv4Address: IPAMConfig.IPv4Address } : {}),
    ...(IPAMConfig?.IPv6Address ? { ipv6Address: IPAMConfig.IPv6Address } : {}),
    ...(MacAddress ? { macAddress: MacAddress } : {}),
    ...(IPAMConfig?.LinkLocalIPs?.length ? { linkLocalAddresses: IPAMConfig.LinkLocalIPs } : {}),
    aliases: settings.Aliases,
    links: settings.Links,
    driverOptions: settings.DriverOpts,
    gatewayPriority: settings.GwPriority,
  };
}
