import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { ContainerService } from '#container/container-service';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import type { ImageService } from '#image/image-service';
import { queryFlag, queryList } from '#spec/docker/query';
import { DISK_USAGE_TYPES, type DiskUsageDeps, type DiskUsageType, diskUsage } from './disk-usage.ts';
import { eventsRoute } from './event-routes.ts';
import type { EventSource } from './event-source.ts';
import type { SystemInfo } from './system-info.ts';
import { infoToWire, versionToWire } from './system-wire.ts';

export interface SystemRouteDeps extends DiskUsageDeps {
  readonly containers: DiskUsageDeps['containers'] & Pick<ContainerService, 'counts'>;
  readonly images: DiskUsageDeps['images'] & Pick<ImageService, 'list'>;
  readonly system: SystemInfo;
  readonly events: EventSource;
}

/** `Builder-Version` 1 is the classic builder: there is no BuildKit to talk to. */
const PING_HEADERS = {
  'Builder-Version': '1',
  Swarm: 'inactive',
  'Cache-Control': 'no-cache, no-store, must-revalidate',
  Pragma: 'no-cache',
};

export function systemRoutes(deps: SystemRouteDeps): Route[] {
  const { containers, images, system, events } = deps;
  return [
    route('GET', '/_ping', {}, () => reply.text('OK', PING_HEADERS)),
    route('HEAD', '/_ping', {}, () => reply.text('', PING_HEADERS)),
    route('GET', '/version', {}, () => reply.json(versionToWire(system))),
    route('GET', '/info', {}, ({ version }) => {
      const counts = {
        ...containers.counts(),
        images: images.list().length,
        listeners: events.listenerCount,
      };
      return reply.json(infoToWire(system, counts, version));
    }),
    eventsRoute(events),
    // There is no plugin of Docker's second API: what Docker answers then is the whole truth.
    route('GET', '/plugins', {}, () => reply.json([])),
    route('GET', '/plugins/{name}/json', {}, ({ params: { name } }) => {
      throw new EngineError('notFound', `plugin "${name}" not found`); // where `docker inspect` looks last
    }),
    route(
      'GET',
      '/system/df',
      { query: v.object({ type: queryList, verbose: queryFlag }) },
      async ({ query, version, signal }) => {
        const types = version < 42 || query.type.length === 0 ? DISK_USAGE_TYPES : query.type.map(parseType);
        return reply.json(await diskUsage(deps, { types, version, isVerbose: query.verbose, signal }));
      },
    ),
  ];
}

function parseType(text: string): DiskUsageType {
  const type = DISK_USAGE_TYPES.find(known => known === text);
  if (!type) throw new EngineError('invalid', `unknown object type: ${text}`);
  return type;
}
