import * as v from 'valibot';
import { EngineError, isKind } from '#base/errors';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import {
  booleanFilter,
  type Filters,
  matchesExactly,
  matchesLabels,
  matchesNoLabel,
  matchesPattern,
  queryFilters,
} from '#spec/docker/filters';
import { goBody } from '#spec/docker/fold-keys';
import { queryFlag } from '#spec/docker/query';
import { VolumeCreateRequest } from '#spec/docker/requests';
import type { Volume } from '#volume/volume';
import type { VolumeService } from '#volume/volume-service';
import { volumeToWire } from './volume-wire.ts';

export type VolumeApi = Pick<
  VolumeService,
  'create' | 'inspect' | 'listAll' | 'remove' | 'prune' | 'usersOf'
>;

const LIST_FILTERS = ['dangling', 'name', 'driver', 'label'];
const PRUNE_FILTERS = ['all', 'label', 'label!'];

export function volumeRoutes(volumes: VolumeApi): Route[] {
  return [
    route(
      'GET',
      '/volumes',
      { query: v.object({ filters: queryFilters(LIST_FILTERS) }) },
      async ({ query, signal }) => {
        const { volumes: all, problems } = await volumes.listAll({ signal });
        return reply.json({
          Volumes: all.filter(volume => isListed(volumes, volume, query.filters)).map(volumeToWire),
          Warnings: problems.length > 0 ? problems : null,
        });
      },
    ),
    route('GET', '/volumes/{name}', {}, async ({ params, signal }) =>
      reply.json(volumeToWire(await volumes.inspect(params.name, { signal }))),
    ),
    route('POST', '/volumes/create', { body: goBody(VolumeCreateRequest) }, async ({ body, signal }) => {
      if (body.ClusterVolumeSpec) {
        throw new EngineError(
          'unavailable',
          'cluster volumes need a swarm, and this node is not part of one',
        );
      }
      const { Name: name, Driver: driver, Labels: labels, DriverOpts: options } = body;
      return reply.created(volumeToWire(await volumes.create({ name, driver, labels, options }, { signal })));
    }),
    route(
      'DELETE',
      '/volumes/{name}',
      { query: v.object({ force: queryFlag }) },
      async ({ params, query, signal }) => {
        try {
          await volumes.remove(params.name, { signal, isForced: query.force });
        } catch (error) {
          if (!(query.force && isKind(error, 'notFound'))) throw error;
        }
        return reply.noContent();
      },
    ),
    route(
      'POST',
      '/volumes/prune',
      { query: v.object({ filters: queryFilters(PRUNE_FILTERS) }) },
      async ({ query: { filters }, version, signal }) => {
        const { removed, freedBytes } = await volumes.prune({
          all: version < 42 || booleanFilter(filters, 'all', false),
          accepts: ({ labels }) =>
            matchesLabels(filters, 'label', labels) && matchesNoLabel(filters, 'label!', labels),
          signal,
        });
        return reply.json({ VolumesDeleted: removed, SpaceReclaimed: freedBytes });
      },
    ),
  ];
}

function isListed(volumes: Pick<VolumeApi, 'usersOf'>, volume: Volume, filters: Filters): boolean {
  const isDangling = (): boolean => volumes.usersOf(volume.name).length === 0;
  return (
    matchesPattern(filters, 'name', volume.name) &&
    matchesExactly(filters, 'driver', volume.driver) &&
    matchesLabels(filters, 'label', volume.labels) &&
    (!filters.has('dangling') || booleanFilter(filters, 'dangling', false) === isDangling())
  );
}
