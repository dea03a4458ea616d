import * as v from 'valibot';
import { EngineError, isKind } from '#base/errors';
import type { ContainerService } from '#container/container-service';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import type { Network, NetworkCreateOptions } from '#network/network';
import type { NetworkService } from '#network/network-service';
import {
  booleanFilter,
  type Filters,
  matchesExactly,
  matchesLabels,
  matchesNoLabel,
  matchesPattern,
  matchesPrefix,
  queryFilters,
} from '#spec/docker/filters';
import { goBody } from '#spec/docker/fold-keys';
import { queryFlag, queryText } from '#spec/docker/query';
import { NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest } from '#spec/docker/requests';
import { type NamedEndpoint, networkRow, networkToWire, statusToWire } from './network-wire.ts';
import { untilFilter } from './until-filter.ts';

export type NetworkApi = Pick<
  NetworkService,
  'list' | 'get' | 'create' | 'remove' | 'endpointsOn' | 'addressUse'
>;

export interface NetworkRouteDeps {
  readonly networks: NetworkApi;
  readonly containers: Pick<ContainerService, 'nameOf' | 'connectNetwork' | 'disconnectNetwork'>;
}

const LIST_FILTERS = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];
const PRUNE_FILTERS = ['label', 'label!', 'until'];
/** made by the engine, not by users */
const PREDEFINED = ['bridge', 'host', 'none'];

export function networkRoutes(deps: NetworkRouteDeps): Route[] {
  const { networks } = deps;
  return [
    route(
      'GET',
      '/networks',
      { query: v.object({ filters: queryFilters(LIST_FILTERS) }) },
      ({ query, version }) =>
        reply.jsonList(
          networks
            .list()
            .filter(network => isListed(networks, network, query.filters))
            .map(network => networkRow(network, version)),
        ),
    ),
    route(
      'GET',
      '/networks/{id}',
      { query: v.object({ verbose: queryFlag, scope: queryText }) },
      ({ params, query, version }) => {
        const network = networks.get(params.id);
        if (query.scope !== '' && query.scope !== network.scope) {
          throw new EngineError('notFound', `network ${params.id} not found`);
        }
        return reply.json({
          ...networkToWire(network, namedEndpoints(deps, network), version),
          ...(version >= 52 ? { Status: statusToWire(networks.addressUse(network.id)) } : {}),
        });
      },
    ),
    route('POST', '/networks/create', { body: goBody(NetworkCreateRequest) }, async ({ body, signal }) => {
      const { id } = await networks.create(createOptions(body), { signal });
      return reply.created({ Id: id, Warning: '' });
    }),
    route('DELETE', '/networks/{id}', {}, async ({ params, signal }) => {
      await networks.remove(params.id, { signal });
      return reply.noContent();
    }),
    route(
      'POST',
      '/networks/prune',
      { query: v.object({ filters: queryFilters(PRUNE_FILTERS) }) },
      async ({ query, signal }) =>
        reply.json({ NetworksDeleted: await prune(networks, query.filters, signal) }),
    ),
    ...connectionRoutes(deps.containers),
  ];
}

function connectionRoutes(containers: NetworkRouteDeps['containers']): Route[] {
  return [
    route(
      'POST',
      '/networks/{id}/connect',
      { body: goBody(NetworkConnectRequest) },
      async ({ params, body }) => {
        await containers.connectNetwork(body.Container, params.id, body.EndpointConfig);
        return reply.empty();
      },
    ),
    route(
      'POST',
      '/networks/{id}/disconnect',
      { body: goBody(NetworkDisconnectRequest) },
      async ({ params, body }) => {
        await containers.disconnectNetwork(body.Container, params.id, { force: body.Force });
        return reply.empty();
      },
    ),
  ];
}

function createOptions(body: NetworkCreateRequest): NetworkCreateOptions {
  refuseUnsupported(body);
  const pools = body.IPAM?.Config.map(config => ({
    subnet: config.Subnet,
    ...(config.IPRange ? { ipRange: config.IPRange } : {}),
    ...(config.Gateway ? { gateway: config.Gateway } : {}),
    auxAddresses: config.AuxiliaryAddresses,
  }));
  return {
    name: body.Name,
    isInternal: body.Internal,
    isAttachable: body.Attachable,
    isConfigOnly: body.ConfigOnly,
    ...(body.ConfigFrom?.Network ? { configFrom: body.ConfigFrom.Network } : {}),
    options: body.Options,
    labels: body.Labels,
    ...(body.Driver ? { driver: body.Driver } : {}),
    ...(body.EnableIPv4 === undefined ? {} : { hasIpv4: body.EnableIPv4 }),
    ...(body.EnableIPv6 === undefined ? {} : { hasIpv6: body.EnableIPv6 }),
    ...(pools ? { pools } : {}),
    ...(body.IPAM?.Driver ? { ipamDriver: body.IPAM.Driver } : {}),
    ...(body.IPAM ? { ipamOptions: body.IPAM.Options } : {}),
  };
}

function refuseUnsupported(body: NetworkCreateRequest): void {
  if (body.Scope !== '' && !['local', 'global', 'swarm'].includes(body.Scope)) {
    throw new EngineError('invalid', `invalid network scope ${JSON.stringify(body.Scope)}: use local`);
  }
  if (body.Ingress || body.Scope === 'swarm') {
    throw new EngineError(
      'forbidden',
      'this node is not part of a swarm: only local networks can be created',
    );
  }
}

function namedEndpoints({ networks, containers }: NetworkRouteDeps, network: Network): NamedEndpoint[] {
  return networks
    .endpointsOn(network.id)
    .map(endpoint => ({ ...endpoint, containerName: containers.nameOf(endpoint.containerId) ?? '' }));
}

function isListed(networks: Pick<NetworkApi, 'endpointsOn'>, network: Network, filters: Filters): boolean {
  const isPredefined = PREDEFINED.includes(network.name);
  const type = filters.get('type') ?? [];
  for (const value of type) {
    if (value !== 'builtin' && value !== 'custom') {
      throw new EngineError('invalid', `invalid filter: 'type'='${value}'`);
    }
  }
  const isDangling = (): boolean => !isPredefined && networks.endpointsOn(network.id).length === 0;
  return (
    matchesExactly(filters, 'driver', network.driver) &&
    matchesExactly(filters, 'scope', network.scope) &&
    matchesPattern(filters, 'name', network.name) &&
    matchesPrefix(filters, 'id', network.id) &&
    matchesLabels(filters, 'label', network.labels) &&
    (type.length === 0 || type.includes(isPredefined ? 'builtin' : 'custom')) &&
    (!filters.has('dangling') || booleanFilter(filters, 'dangling', false) === isDangling())
  );
}

async function prune(networks: NetworkApi, filters: Filters, signal: AbortSignal): Promise<string[]> {
  const isOld = untilFilter(filters);
  const removed: string[] = [];
  for (const network of networks.list()) {
    const isWanted =
      !PREDEFINED.includes(network.name) &&
      networks.endpointsOn(network.id).length === 0 &&
      matchesLabels(filters, 'label', network.labels) &&
      matchesNoLabel(filters, 'label!', network.labels) &&
      isOld(network.createdAt);
    if (!isWanted) continue;
    try {
      await networks.remove(network.id, { signal });
      removed.push(network.name);
    } catch (error) {
      // In use since we looked, or gone: not for a prune to fail on.
      if (!isKind(error, 'conflict') && !isKind(error, 'forbidden') && !isKind(error, 'notFound'))
        throw error;
    }
  }
  return removed;
}
