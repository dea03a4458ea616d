import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { ContainerService } from '#container/container-service';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import type { ImageService } from '#image/image-service';
import { ContainerConfig } from '#spec/docker/container-config';
import { ContainerCreateRequest } from '#spec/docker/container-create';
import { type Filters, queryFilters } from '#spec/docker/filters';
import { goBody } from '#spec/docker/fold-keys';
import { queryFlag, queryInteger, queryText } from '#spec/docker/query';
import { ContainerUpdateRequest } from '#spec/docker/requests';
import { adaptCreate } from './container-create-versions.ts';
import { CONTAINER_FILTERS, checkContainerFilters, summarize } from './container-list.ts';
import { containerToWire } from './container-wire.ts';

export interface ContainerRouteDeps {
  readonly containers: Pick<
    ContainerService,
    'create' | 'list' | 'inspect' | 'sizes' | 'remove' | 'rename' | 'prune' | 'top' | 'update'
  >;
  readonly images: Pick<ImageService, 'find'>;
}

const ListQuery = v.object({
  all: queryFlag,
  size: queryFlag,
  limit: queryInteger,
  since: queryText,
  before: queryText,
  filters: queryFilters(CONTAINER_FILTERS),
});

export function containerRoutes(deps: ContainerRouteDeps): Route[] {
  const { containers } = deps;
  return [
    route('GET', '/containers/json', { query: ListQuery }, async ({ query, version, signal }) => {
      const filters = withOldFilters(query);
      checkContainerFilters(filters);
      const views = containers.list({
        all: query.all,
        filters,
        ...(query.limit !== undefined && query.limit > 0 ? { limit: query.limit } : {}),
      });
      return reply.json(await summarize(deps, views, { version, size: query.size, signal }));
    }),
    route(
      'GET',
      '/containers/{id}/json',
      { query: v.object({ size: queryFlag }) },
      async ({ params: { id }, query, version, signal }) => {
        const view = containers.inspect(id);
        const sizes = query.size ? await containers.sizes(view.id, { signal }) : undefined;
        return reply.json(containerToWire(view, version, sizes));
      },
    ),
    createRoute(containers),
    ...changeRoutes(containers),
  ];
}

function changeRoutes(containers: ContainerRouteDeps['containers']): Route[] {
  return [
    route(
      'DELETE',
      '/containers/{id}',
      { query: v.object({ force: queryFlag, v: queryFlag, link: queryFlag }) },
      async ({ params: { id }, query, signal }) => {
        await containers.remove(id, { force: query.force, volumes: query.v, link: query.link, signal });
        return reply.noContent();
      },
    ),
    route(
      'POST',
      '/containers/{id}/rename',
      { query: v.object({ name: queryText }) },
      async ({ params: { id }, query }) => {
        await containers.rename(id, query.name);
        return reply.noContent();
      },
    ),
    route(
      'POST',
      '/containers/{id}/update',
      { body: goBody(ContainerUpdateRequest) },
      async ({ params: { id }, body, version }) => {
        // Older clients send 0 there, which meant nothing then.
        const request = version < 40 ? { ...body, PidsLimit: undefined } : body;
        return reply.json({ Warnings: await containers.update(id, request) });
      },
    ),
    route(
      'GET',
      '/containers/{id}/top',
      { query: v.object({ ps_args: queryText }) },
      async ({ params: { id }, query }) => {
        const { titles, processes } = await containers.top(id, query.ps_args);
        return reply.json({ Titles: titles, Processes: processes });
      },
    ),
    route(
      'POST',
      '/containers/prune',
      { query: v.object({ filters: queryFilters(['label', 'label!', 'until']) }) },
      async ({ query: { filters } }) => {
        const { removed, freedBytes } = await containers.prune({ filters });
        return reply.json({ ContainersDeleted: removed, SpaceReclaimed: freedBytes });
      },
    ),
  ];
}

const CreateBody = v.pipe(
  v.unknown(),
  v.transform(body => {
    if (body === undefined) {
      throw new EngineError('invalid', 'invalid JSON: got EOF while reading request body');
    }
    const hasConfig = typeof body !== 'object' || Object.keys(body ?? {}).some(isConfigKey);
    if (!hasConfig) {
      throw new EngineError('invalid', 'config cannot be empty in order to create a container');
    }
    return body;
  }),
  goBody(ContainerCreateRequest),
);

const CONFIG_KEYS = new Set(Object.keys(ContainerConfig.entries).map(key => key.toLowerCase()));

function isConfigKey(key: string): boolean {
  return CONFIG_KEYS.has(key.toLowerCase());
}

function createRoute(containers: ContainerRouteDeps['containers']): Route {
  return route(
    'POST',
    '/containers/create',
    { query: v.object({ name: queryText, platform: queryText }), body: CreateBody },
    async ({ query: { name, platform }, body, version, signal }) => {
      const { request, warnings } = adaptCreate(body, version);
      const created = await containers.create(name === '' ? undefined : name, request, {
        signal,
        ...(platform !== '' && version >= 41 ? { platform } : {}),
      });
      return reply.created({ Id: created.id, Warnings: [...created.warnings, ...warnings] });
    },
  );
}

/** `since` and `before` were parameters of their own once, and clients still send them. */
function withOldFilters(query: v.InferOutput<typeof ListQuery>): Filters {
  const filters = new Map(query.filters);
  if (query.since !== '') filters.set('since', [query.since]);
  if (query.before !== '') filters.set('before', [query.before]);
  return filters;
}
