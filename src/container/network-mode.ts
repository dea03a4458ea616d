import type { EndpointRequest } from '#network/network';
import type { EndpointSettings } from '#spec/docker/container-config';
import type { Container } from './container.ts';

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

/** One request per network: the one of `--network` first, then what the client listed besides. */
export function endpointRequests(container: Container): EndpointRequest[] {
  const mode = networkModeOf(container);
  if (mode.kind !== 'networks') return [];
  const configured = container.networking.EndpointsConfig;
  const others = Object.keys(configured).filter(name => !isSame(name, mode.primary));
  const primary = configured[mode.primary] ?? (mode.primary === 'bridge' ? configured['default'] : undefined);
  return [
    toRequest(mode.primary, primary, container.config.MacAddress),
    ...others.map(name => toRequest(name, configured[name], '')),
  ];
}

function isSame(name: string, primary: string): boolean {
  return name === primary || (primary === 'bridge' && name === 'default');
}

export function toRequest(
  network: string,
  settings: EndpointSettings | undefined,
  macAddress: string,
): EndpointRequest {
  const mac = settings?.MacAddress || macAddress;
  const ipv4 = settings?.IPAMConfig?.IPv4Address;
  const ipv6 = settings?.IPAMConfig?.IPv6Address;
  return {
    network,
    ...(ipv4 ? { ipv4Address: ipv4 } : {}),
    ...(ipv6 ? { ipv6Address: ipv6 } : {}),
    ...(mac ? { macAddress: mac } : {}),
    aliases: settings?.Aliases ?? [],
    links: settings?.Links ?? [],
    driverOptions: settings?.DriverOpts ?? {},
    gatewayPriority: settings?.GwPriority ?? 0,
  };
}
