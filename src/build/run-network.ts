import { readFileSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { hostname as hostName } from 'node:os';
import type { Abortable } from '#base/abortable';
import { codeOf, EngineError } from '#base/errors';
import { shortId } from '#base/ids';
import { readHostResolvConf } from '#network/dns/host-resolvers';
import { resolvConf } from '#network/dns/resolv-conf';
import { HOST_GATEWAY, parseExtraHost } from '#network/extra-host';
import { hostnameFile, hostsFile, hostsFileOfHost } from '#network/host-files';
import type { Endpoint } from '#network/network';
import type { NetworkService } from '#network/network-service';
import type { BuildFolders } from './build-folders.ts';

export interface RunNetworkDeps {
  readonly networks: Pick<NetworkService, 'createSandbox' | 'attach' | 'find'>;
  readonly folders: BuildFolders;
}

/** The network of one RUN step. */
export interface RunNetwork {
  /** as `HostConfig.NetworkMode` has it */
  readonly mode: string;
  readonly hostname: string;
  /** absent: the host's */
  readonly namespacePath?: string;
  readonly files: { readonly resolvConf: string; readonly hosts: string; readonly hostname: string };
  /** Gives it its address, and the files their content. May go on while the runtime makes the container. */
  attach(options: Abortable): Promise<void>;
}

/** What every step may call the host, as every container may. */
const HOST_NAMES = ['host.docker.internal', 'gateway.docker.internal'];

/** @param mode `default`, `none`, `host` or the name of a network; @throws {EngineError} `invalid` for another container's. */
export function prepareRunNetwork(
  id: string,
  { mode, extraHosts }: { readonly mode: string; readonly extraHosts: readonly string[] },
  { networks, folders }: RunNetworkDeps,
): RunNetwork {
  if (mode.startsWith('container:')) {
    throw new EngineError(
      'notImplemented',
      `not implemented: building in the network of a container (${mode})`,
    );
  }
  for (const text of extraHosts) parseExtraHost(text);
  const files = {
    resolvConf: folders.file(id, 'resolv.conf'),
    hosts: folders.file(id, 'hosts'),
    hostname: folders.file(id, 'hostname'),
  };
  for (const file of Object.values(files)) writeFileSync(file, '', { flag: 'wx', mode: 0o644 });
  if (mode === 'host') {
    const hostname = hostName();
    const hosts = hostsFileOfHost(readOptional('/etc/hosts'), {
      extraHosts,
      hostGateways: hostGateways(networks, []),
    });
    writeFileSync(files.hosts, hosts);
    writeFileSync(files.hostname, hostnameFile({ hostname, domainname: '' }));
    writeFileSync(files.resolvConf, resolvContent(undefined));
    return { mode, hostname, files, attach: async () => undefined };
  }
  const hostname = shortId(id);
  const owner = { containerId: id, containerName: `build-${hostname}`, hostname };
  const network = mode === '' || mode === 'default' ? 'bridge' : mode;
  return {
    mode: network,
    hostname,
    namespacePath: networks.createSandbox(owner),
    files,
    attach: async options => {
      const requests =
        network === 'none'
          ? []
          : [{ network, aliases: [], links: [], driverOptions: {}, gatewayPriority: 0 }];
      const endpoints = requests.length === 0 ? [] : await networks.attach(owner, requests, [], options);
      writeFileSync(files.hosts, hostsContent(hostname, endpoints, { extraHosts, networks }));
      writeFileSync(files.hostname, hostnameFile({ hostname, domainname: '' }));
      writeFileSync(files.resolvConf, resolvContent(endpoints));
    },
  };
}

function hostsContent(
  hostname: string,
  endpoints: readonly Endpoint[],
  {
    extraHosts,
    networks,
  }: { readonly extraHosts: readonly string[]; readonly networks: RunNetworkDeps['networks'] },
): string {
  const taken = new Set(extraHosts.map(text => parseExtraHost(text).name));
  const ownNames =
    endpoints.length === 0 || hasResolver(endpoints) ? [] : HOST_NAMES.filter(name => !taken.has(name));
  return hostsFile({
    hostname,
    domainname: '',
    addresses: endpoints.flatMap(({ ipv4, ipv6 }) => [ipv4?.address ?? [], ipv6?.address ?? []].flat()),
    hasIpv6: endpoints.some(({ ipv6 }) => ipv6),
    extraHosts: [...extraHosts, ...ownNames.map(name => `${name}:${HOST_GATEWAY}`)],
    hostGateways: hostGateways(networks, endpoints),
    links: [],
  });
}

/** Whether the engine answers its questions: on networks of the user's own. */
function hasResolver(endpoints: readonly Endpoint[]): boolean {
  return endpoints.some(({ dnsNames }) => dnsNames.length > 0);
}

function hostGateways(networks: Pick<NetworkService, 'find'>, endpoints: readonly Endpoint[]): string[] {
  const own = endpoints.flatMap(({ ipv4, ipv6 }) => [ipv4?.gateway ?? [], ipv6?.gateway ?? []].flat());
  if (own.length > 0) return own;
  const pools = networks.find('bridge')?.ipam.pools ?? [];
  const gateway = pools.find(({ subnet }) => !isIPv6(subnet.split('/')[0] ?? ''))?.gateway;
  return gateway === undefined ? [] : [gateway];
}

function resolvContent(endpoints: readonly Endpoint[] | undefined): string {
  return resolvConf({
    hostContent: readHostResolvConf(),
    mode: endpoints ? (hasResolver(endpoints) ? 'internal' : 'direct') : 'host',
    hasIpv6: endpoints?.some(({ ipv6 }) => ipv6) ?? true,
    servers: [],
    search: [],
    options: [],
  }).content;
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}
