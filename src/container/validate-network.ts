import { isIP, isIPv4, isIPv6 } from 'node:net';
import { EngineError } from '#base/errors';
import type { ContainerConfig, EndpointSettings, NetworkingConfig } from '#spec/docker/container-config';
import type { HostConfig } from '#spec/docker/host-config';
import { parseLink } from './container-link.ts';

export interface NetworkRequest {
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly networking: NetworkingConfig;
}

/** Docker's wording (moby: runconfig/errors.go). */
const CONFLICTS = {
  hostname: 'conflicting options: hostname and the network mode',
  utsHostname: 'conflicting options: hostname and the UTS mode',
  hostLinks:
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  containerLinks:
    "conflicting options: container type network can't be used with links. This would result in undefined behavior",
  dns: 'conflicting options: dns and the network mode',
  hosts: 'conflicting options: custom host-to-IP mapping and the network mode',
  mac: 'conflicting options: mac-address and the network mode',
  publish: 'conflicting options: port publishing and the container type network mode',
  expose: 'conflicting options: port exposing and the container type network mode',
  address: 'user specified IP address is supported on user defined networks only',
  networks: 'conflicting options: cannot attach both user-defined and non-user-defined network-modes',
} as const;

/** @throws {EngineError} `invalid` for options that exclude each other, and for what is no address or name. */
export function checkNetwork(request: NetworkRequest): void {
  const { config, hostConfig } = request;
  checkModes(request);
  for (const server of hostConfig.Dns) {
    if (isIP(server) === 0) throw invalid(`bad parameter: ${server} is not an ip address`);
  }
  for (const word of [...hostConfig.DnsSearch, ...hostConfig.DnsOptions]) checkResolverWord(word);
  for (const link of hostConfig.Links) parseLink(link);
  if (config.MacAddress !== '') checkMac(config.MacAddress);
  for (const settings of Object.values(request.networking.EndpointsConfig)) checkEndpoint(settings);
}

function checkModes(request: NetworkRequest): void {
  const { config, hostConfig } = request;
  const { NetworkMode: mode, UTSMode, Links } = hostConfig;
  const isContainer = mode.split(':')[0] === 'container';
  if (isContainer) checkContainerMode(request);
  if (UTSMode === 'host' && config.Hostname !== '') throw invalid(CONFLICTS.utsHostname);
  if (mode === 'host' && Links.length > 0) throw invalid(CONFLICTS.hostLinks);
  if (mode === 'host' && config.MacAddress !== '') throw invalid(CONFLICTS.mac);
  if (isContainer || mode === 'host' || mode === 'none') checkOnlyMode(request);
}

function checkContainerMode({ config, hostConfig }: NetworkRequest): void {
  if (!/^container:./.test(hostConfig.NetworkMode)) {
    throw invalid('Invalid network mode: invalid container format container:<name|id>');
  }
  if (config.Hostname !== '') throw invalid(CONFLICTS.hostname);
  if (hostConfig.Links.length > 0) throw invalid(CONFLICTS.containerLinks);
  if (hostConfig.Dns.length > 0) throw invalid(CONFLICTS.dns);
  if (hostConfig.ExtraHosts.length > 0) throw invalid(CONFLICTS.hosts);
  if (config.MacAddress !== '') throw invalid(CONFLICTS.mac);
  const publishes = Object.keys(hostConfig.PortBindings).length > 0 || hostConfig.PublishAllPorts;
  if (publishes) throw invalid(CONFLICTS.publish);
  if (config.ExposedPorts.length > 0) throw invalid(CONFLICTS.expose);
}

/** Clients name the mode itself among the endpoints; anything else is another network. */
function checkOnlyMode({ hostConfig, networking }: NetworkRequest): void {
  const others = Object.keys(networking.EndpointsConfig).filter(
    name => name !== hostConfig.NetworkMode && name !== 'default',
  );
  if (others.length > 0) throw invalid(CONFLICTS.networks);
  const isAddressed = Object.values(networking.EndpointsConfig).some(
    ({ IPAMConfig }) => (IPAMConfig?.IPv4Address ?? '') !== '' || (IPAMConfig?.IPv6Address ?? '') !== '',
  );
  if (isAddressed) throw invalid(CONFLICTS.address);
}

/** It goes into resolv.conf: one word, so that it cannot add lines of its own. */
function checkResolverWord(word: string): void {
  if (!/^[^\s#;]+$/.test(word))
    throw invalid(`${JSON.stringify(word)} is not a valid domain or option for resolv.conf`);
}

function checkEndpoint({ IPAMConfig, MacAddress, Links, Aliases }: EndpointSettings): void {
  const { IPv4Address = '', IPv6Address = '', LinkLocalIPs = [] } = IPAMConfig ?? {};
  if (IPv4Address !== '' && !isIPv4(IPv4Address)) throw invalid(`invalid IPv4 address: ${IPv4Address}`);
  if (IPv6Address !== '' && !isIPv6(IPv6Address)) throw invalid(`invalid IPv6 address: ${IPv6Address}`);
  for (const address of LinkLocalIPs) {
    if (isIP(address) === 0) throw invalid(`invalid link-local IP address: ${address}`);
  }
  if (MacAddress !== '') checkMac(MacAddress);
  for (const link of Links) parseLink(link);
  for (const alias of Aliases) {
    if (!/^[^\s:]+$/.test(alias)) throw invalid(`invalid network alias: ${JSON.stringify(alias)}`);
  }
}

function checkMac(address: string): void {
  const isMac = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(address);
  if (!isMac) throw invalid(`invalid MAC address: ${address}`);
  // The lowest bit of the first byte marks a group of hosts (IEEE 802): no interface can have such an address.
  const isMulticast = (Number.parseInt(address.slice(0, 2), 16) & 1) === 1;
  if (isMulticast) throw invalid(`invalid MAC address: ${address}: it is a multicast address`);
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
