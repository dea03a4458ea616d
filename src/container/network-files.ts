import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { isIPv6 } from 'node:net';
import { codeOf } from '#base/errors';
import { readHostResolvConf } from '#network/dns/host-resolvers';
import { resolvConf } from '#network/dns/resolv-conf';
import { HOST_GATEWAY, parseExtraHost } from '#network/extra-host';
import { hostnameFile, hostsFile, hostsFileOfHost, type LinkedHost } from '#network/host-files';
import type { Endpoint } from '#network/network';
import type { Container } from './container.ts';
import type { ContainerContext } from './context.ts';
import { fileHolds } from './file-holds.ts';

/** Files of a container that say who and where it is, bound over those of its image. */
export interface NetworkFiles {
  readonly resolvConf: string;
  readonly hosts: string;
  readonly hostname: string;
}

export interface NetworkNames {
  readonly hostname: string;
  /** absent: the host's name space */
  readonly endpoints: readonly Endpoint[] | undefined;
  readonly links: readonly LinkedHost[];
}

/** What every container may call the host. */
const HOST_NAMES = ['host.docker.internal', 'gateway.docker.internal'];

export function networkFiles({ paths }: Pick<ContainerContext, 'paths'>, id: string): NetworkFiles {
  return {
    resolvConf: paths.file(id, 'resolv.conf'),
    hosts: paths.file(id, 'hosts'),
    hostname: paths.file(id, 'hostname'),
  };
}

/**
 * The runtime binds these into the container: they must exist before they have their content. New ones each time:
 * a container that shares them and still runs could hold a lease on the old ones, for which we would wait (fcntl(2)).
 */
export function makeNetworkFiles(context: ContainerContext, id: string): NetworkFiles {
  const files = networkFiles(context, id);
  for (const file of [files.resolvConf, files.hosts, files.hostname]) {
    rmSync(file, { force: true });
    writeFileSync(file, '', { flag: 'wx' });
  }
  return files;
}

export function writeNetworkFiles(
  context: ContainerContext,
  container: Container,
  names: NetworkNames,
): void {
  const files = networkFiles(context, container.id);
  const { hostname } = names;
  writeFileSync(files.hosts, hostsContent(context, container, names));
  writeFileSync(files.hostname, hostnameFile({ hostname, domainname: container.config.Domainname }));
  writeFileSync(files.resolvConf, resolvContent(container, names.endpoints));
}

/**
 * Brings the files of a running container up to date after its networks have changed. What was edited inside the
 * container is left as it is (as Docker does).
 */
export function renewNetworkFiles(
  context: ContainerContext,
  container: Container,
  { before, now }: { readonly before: NetworkNames; readonly now: NetworkNames },
): void {
  const files = networkFiles(context, container.id);
  for (const { file, from, to } of [
    {
      file: files.hosts,
      from: hostsContent(context, container, before),
      to: hostsContent(context, container, now),
    },
    {
      file: files.resolvConf,
      from: resolvContent(container, before.endpoints),
      to: resolvContent(container, now.endpoints),
    },
  ]) {
    if (from !== to && fileHolds(file, from)) overwrite(file, to);
  }
}

/**
 * In place, as it is bound elsewhere; without waiting for a lease that somebody inside may hold (fcntl(2)). What is too
 * much is cut off afterwards: whoever reads meanwhile does not find an empty file, and emptying one costs milliseconds.
 */
function overwrite(file: string, content: string): void {
  let fd: number;
  try {
    fd = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return;
    throw error;
  }
  try {
    const bytes = Buffer.from(content);
    writeSync(fd, bytes, 0, bytes.length, 0);
    if (fstatSync(fd).size > bytes.length) ftruncateSync(fd, bytes.length);
  } finally {
    closeSync(fd);
  }
}

function resolvContent({ hostConfig }: Container, endpoints: readonly Endpoint[] | undefined): string {
  return resolvConf({
    hostContent: readHostResolvConf(),
    mode: endpoints ? (hasResolver(endpoints) ? 'internal' : 'direct') : 'host',
    hasIpv6: endpoints?.some(endpoint => endpoint.ipv6) ?? true,
    servers: hostConfig.Dns,
    search: hostConfig.DnsSearch,
    options: hostConfig.DnsOptions,
  }).content;
}

/** Whether the engine answers its questions: on user-defined networks, where endpoints have names. */
function hasResolver(endpoints: readonly Endpoint[]): boolean {
  return endpoints.some(({ dnsNames }) => dnsNames.length > 0);
}

function hostsContent(
  context: ContainerContext,
  { config, hostConfig }: Container,
  { hostname, endpoints, links }: NetworkNames,
): string {
  const hostGateways = hostGatewaysOf(context, endpoints ?? []);
  if (!endpoints) {
    return hostsFileOfHost(readOptional('/etc/hosts'), {
      extraHosts: hostConfig.ExtraHosts,
      hostGateways,
    });
  }
  return hostsFile({
    hostname,
    domainname: config.Domainname,
    addresses: endpoints
      .flatMap(({ ipv4, ipv6 }) => [ipv4?.address, ipv6?.address])
      .filter(address => address !== undefined),
    hasIpv6: endpoints.some(endpoint => endpoint.ipv6),
    extraHosts: [...hostConfig.ExtraHosts, ...hostNameLines(hostConfig.ExtraHosts, endpoints)],
    hostGateways,
    links,
  });
}

/** Names of the host for those who cannot ask the engine for them; what the client gave goes first. */
function hostNameLines(given: readonly string[], endpoints: readonly Endpoint[]): string[] {
  if (endpoints.length === 0 || hasResolver(endpoints)) return [];
  const taken = new Set(given.map(text => parseExtraHost(text).name));
  return HOST_NAMES.filter(name => !taken.has(name)).map(name => `${name}:${HOST_GATEWAY}`);
}

function hostGatewaysOf(
  { networks }: Pick<ContainerContext, 'networks'>,
  endpoints: readonly Endpoint[],
): string[] {
  const gateways = endpoints
    .flatMap(({ ipv4, ipv6 }) => [ipv4?.gateway, ipv6?.gateway])
    .filter(address => address !== undefined);
  if (gateways.length > 0) return gateways;
  const bridge = networks
    .find('bridge')
    ?.ipam.pools.find(({ subnet }) => !isIPv6(subnet.split('/')[0] ?? ''))?.gateway;
  return bridge === undefined ? [] : [bridge];
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}
