import { readFileSync, writeFileSync } from 'node:fs';
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
}

/**
 * Makes or finds the container's network name space, attaches it to its networks with its ports published, and
 * writes the files that name things.
 *
 * @throws {EngineError} `conflict` for a port or address in use or a container that does not run, `notFound`.
 */
export async function prepareNetwork(
  context: ContainerContext,
  container: Container,
  options: Abortable,
): Promise<NetworkSetup> {
  const mode = networkModeOf(container);
  if (mode.kind === 'container') return await joinContainer(context, mode.reference);
  if (mode.kind === 'host') {
    const hostname = container.config.Hostname || hostName();
    return {
      hostname,
      files: writeFiles(context, container, { hostname, endpoints: undefined, links: [] }),
      linkEnv: [],
    };
  }
  const owner = ownerOf(container);
  const namespacePath = context.networks.createSandbox(owner);
  context.faults.reach('start.3-sandbox');
  const requests = endpointRequests(container);
  const ports = requests.length === 0 ? [] : planPorts(container.config, container.hostConfig);
  const endpoints =
    requests.length === 0 ? [] : await context.networks.attach(owner, requests, ports, options);
  const links = linkedContainers(context, container);
  const hostname = container.config.Hostname;
  return {
    namespacePath,
    hostname,
    files: writeFiles(context, container, { hostname, endpoints, links: links.map(({ host }) => host) }),
    linkEnv: links.flatMap(({ env }) => env),
  };
}

/** Shares another container's name space, and its files with it. */
async function joinContainer(context: ContainerContext, reference: string): Promise<NetworkSetup> {
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
  };
}

interface Names {
  readonly hostname: string;
  /** absent: the host's name space */
  readonly endpoints: readonly Endpoint[] | undefined;
  readonly links: readonly LinkedHost[];
}

function writeFiles(context: ContainerContext, container: Container, names: Names): NetworkSetup['files'] {
  const { id, config, hostConfig } = container;
  const files = {
    resolvConf: context.paths.file(id, 'resolv.conf'),
    hosts: context.paths.file(id, 'hosts'),
    hostname: context.paths.file(id, 'hostname'),
  };
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
  return files;
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
