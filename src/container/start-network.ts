import { hostname as hostName } from 'node:os';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { LinkedHost } from '#network/host-files';
import type { Endpoint } from '#network/network';
import type { Container } from './container.ts';
import { linkEnvironment, parseLink } from './container-link.ts';
import type { ContainerContext } from './context.ts';
import { ownerOf } from './network-change.ts';
import { makeNetworkFiles, type NetworkFiles, networkFiles, writeNetworkFiles } from './network-files.ts';
import { endpointRequests, networkModeOf } from './network-mode.ts';
import { planPorts } from './port-plan.ts';

/** What a started container needs to know of its network. */
export interface NetworkSetup {
  /** path of its network name space; absent: the host's */
  readonly namespacePath?: string;
  readonly hostname: string;
  readonly files: NetworkFiles;
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
  const files = makeNetworkFiles(context, container.id);
  if (mode.kind === 'host') {
    const hostname = container.config.Hostname || hostName();
    writeNetworkFiles(context, container, { hostname, endpoints: undefined, links: [] });
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
      writeNetworkFiles(context, container, { hostname, endpoints, links: links.map(({ host }) => host) });
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
    files: networkFiles(context, id),
    linkEnv: [],
    attach: async () => undefined,
  };
}

/** Links of the default network; on others they are names of the DNS. */
function linkedContainers(
  context: ContainerContext,
  container: Container,
): { host: LinkedHost; env: string[] }[] {
  const mode = networkModeOf(container);
  if (mode.kind !== 'networks' || mode.primary !== 'bridge') return [];
  return container.hostConfig.Links.map(text => {
    const { target, alias } = parseLink(text);
    const other = context.index.get(target);
    if (other.state.status !== 'running') {
      throw new EngineError(
        'conflict',
        `Cannot link to a non running container: /${other.name} AS /${container.name}/${alias}: start ${other.name} first`,
      );
    }
    const endpoint = context.networks
      .endpointsOf(other.id)
      .find(({ networkName }) => networkName === 'bridge');
    const address = endpoint?.ipv4?.address;
    if (address === undefined) {
      throw new EngineError(
        'invalid',
        `Cannot link to /${other.name}, as it does not belong to the default network: put both on a network of your own, where they find each other by name`,
      );
    }
    const { ExposedPorts: ports, Env: env } = other.config;
    return {
      host: { alias, hostname: other.config.Hostname, name: other.name, address },
      env: linkEnvironment({ alias, parentName: container.name, address, ports, env }),
    };
  });
}
