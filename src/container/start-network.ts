import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { hostname as hostName } from 'node:os';
import type { Abortable } from '#base/abortable';
import { codeOf, EngineError } from '#base/errors';
import type { Endpoint } from '#network/network';
import type { Container } from './container.ts';
import { linkEnvironment, parseLink } from './container-link.ts';
import type { ContainerContext } from './context.ts';
import { hostnameFile, hostsFile, hostsFileOfHost, type LinkedHost } from './host-files.ts';
import { ownerOf } from './network-change.ts';
import { endpointRequests, networkModeOf } from './network-mode.ts';
import { planPorts } from './port-plan.ts';
import { hostResolvConf, resolvConf } from './resolv-conf.ts';

/** What a started container needs to know of its network. */
export interface NetworkSetup {
  /** path of its network name space; absent: the host's */
  readonly namespacePath?: string;
  readonly hostname: string;
  readonly files: { readonly resolvConf: string; readonly hosts: string; readonly hostname: string };
  /** variables of legacy links */
  readonly linkEnv: readonly string[];
  /** Gives it its endpoints and published ports, and the files their content. */
  attach(options: Abortable): Promise<void>;
}

/**
 * Makes or finds the container's network name space. Its addresses, links and ports come with `attach()`, which
 * can go on while the runtime makes the container: they must be there before its process starts.
 *
 * @throws {EngineError} `conflict` for a container that does not run, `notFound`.
 */
export async function prepareNetwork(context: ContainerContext, container: Container): Promise<NetworkSetup> {
  const mode = networkModeOf(container);
  if (mode.kind === 'container') return joinContainer(context, mode.reference);
  const files = ensureFiles(context, container.id);
  if (mode.kind === 'host') {
    const hostname = container.config.Hostname || hostName();
    writeFiles(context, container, { files, hostname, endpoints: undefined, links: [] });
    return { hostname, files, linkEnv: [], attach: async () => undefined };
  }
  const namespacePath = context.networks.createSandbox(ownerOf(container));
  context.faults.reach('start.3-sandbox');
  const links = linkedContainers(context, container);
  const { Hostname: hostname } = container.config;
  return {
    namespacePath,
    hostname,
    files,
    linkEnv: links.flatMap(({ env }) => env),
    attach: async options => {
      const endpoints = await attachEndpoints(context, container, options);
      writeFiles(context, container, { files, hostname, endpoints, links: links.map(({ host }) => host) });
    },
  };
}

/** @throws {EngineError} `conflict` for a port or address in use, `notFound` for a network. */
async function attachEndpoints(
  context: ContainerContext,
  container: Container,
  options: Abortable,
): Promise<readonly Endpoint[]> {
  const requests = endpointRequests(container);
  if (requests.length === 0) return [];
  const ports = planPorts(container.config, container.hostConfig);
  return await context.networks.attach(ownerOf(container), requests, ports, options);
}

/** Shares another container's name space, and its files with it. */
function joinContainer(context: ContainerContext, reference: string): NetworkSetup {
  const other = context.index.get(reference);
  if (other.state.status !== 'running') {
    throw new EngineError('conflict', `cannot join network of a non running container: ${other.id}`);
  }
  const { id } = other;
  const isOfHost = networkModeOf(other).kind === 'host';
  return {
    ...(isOfHost ? {} : { namespacePath: context.networks.createSandbox(ownerOf(other)) }),
    hostname: other.config.Hostname,
    files: {
      resolvConf: context.paths.file(id, 'resolv.conf'),
      hosts: context.paths.file(id, 'hosts'),
      hostname: context.paths.file(id, 'hostname'),
    },
    linkEnv: [],
    attach: async () => undefined,
  };
}

interface Names {
  readonly files: NetworkSetup['files'];
  readonly hostname: string;
  /** absent: the host's name space */
  readonly endpoints: readonly Endpoint[] | undefined;
  readonly links: readonly LinkedHost[];
}

/**
 * The runtime binds these into the container: they must exist before they have their content. New ones each time:
 * a container that shares them and still runs could hold a lease on the old ones, for which we would wait (fcntl(2)).
 */
function ensureFiles({ paths }: ContainerContext, id: string): NetworkSetup['files'] {
  const files = {
    resolvConf: paths.file(id, 'resolv.conf'),
    hosts: paths.file(id, 'hosts'),
    hostname: paths.file(id, 'hostname'),
  };
  for (const file of Object.values(files)) {
    rmSync(file, { force: true });
    writeFileSync(file, '', { flag: 'wx' });
  }
  return files;
}

function writeFiles(context: ContainerContext, container: Container, names: Names): void {
  const { config, hostConfig } = container;
  const { files } = names;
  const hasIpv6 = names.endpoints?.some(endpoint => endpoint.ipv6) ?? true;
  writeFileSync(files.hosts, hostsContent(context, container, names, hasIpv6));
  writeFileSync(files.hostname, hostnameFile({ hostname: names.hostname, domainname: config.Domainname }));
  const { content } = resolvConf({
    hostContent: hostResolvConf(
      readOptional('/etc/resolv.conf') ?? '',
      readOptional('/run/systemd/resolve/resolv.conf'),
    ),
    mode: names.endpoints ? 'direct' : 'host',
    hasIpv6,
    servers: hostConfig.Dns,
    search: hostConfig.DnsSearch,
    options: hostConfig.DnsOptions,
  });
  writeFileSync(files.resolvConf, content);
}

function hostsContent(
  context: ContainerContext,
  { config, hostConfig }: Container,
  { hostname, endpoints, links }: Names,
  hasIpv6: boolean,
): string {
  const gateways = (endpoints ?? [])
    .flatMap(({ ipv4, ipv6 }) => [ipv4?.gateway, ipv6?.gateway])
    .filter(address => address !== undefined);
  const bridge = context.networks
    .find('bridge')
    ?.ipam.pools.find(({ subnet }) => !isIPv6(subnet.split('/')[0] ?? ''))?.gateway;
  const hostGateways = gateways.length > 0 ? gateways : bridge === undefined ? [] : [bridge];
  if (!endpoints) {
    return hostsFileOfHost(readOptional('/etc/hosts') ?? '', {
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
    hasIpv6,
    extraHosts: hostConfig.ExtraHosts,
    hostGateways,
    links,
  });
}

function linkedContainers(
  context: ContainerContext,
  container: Container,
): { host: LinkedHost; env: string[] }[] {
  return container.hostConfig.Links.map(text => {
    const { target, alias } = parseLink(text);
    const other = context.index.get(target);
    const address = context.networks.endpointsOf(other.id)[0]?.ipv4?.address;
    if (other.state.status !== 'running' || address === undefined) {
      throw new EngineError(
        'conflict',
        `Cannot link to a non running container: /${other.name} AS /${container.name}/${alias}: start ${other.name} first`,
      );
    }
    const { ExposedPorts: ports, Env: env } = other.config;
    return {
      host: { alias, hostname: other.config.Hostname, name: other.name, address },
      env: linkEnvironment({ alias, parentName: container.name, address, ports, env }),
    };
  });
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
