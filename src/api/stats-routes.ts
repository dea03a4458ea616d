import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { ContainerStats, StatsView } from '#container/container-stats';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { queryFlag, queryFlagOn } from '#spec/docker/query';
import { statsToWire } from './stats-wire.ts';

export interface StatsRouteDeps {
  readonly containers: { readonly stats: Pick<ContainerStats, 'now' | 'once' | 'watch'> };
}

const StatsQuery = v.object({ stream: queryFlagOn, 'one-shot': queryFlag });

export function statsRoutes({ containers: { stats } }: StatsRouteDeps): Route[] {
  return [
    route(
      'GET',
      '/containers/{id}/stats',
      { query: StatsQuery },
      async ({ params: { id }, query: { stream, 'one-shot': isOneShot }, version, signal }) => {
        const isNow = isOneShot && version >= 41;
        if (stream && isNow) throw new EngineError('invalid', 'cannot have stream=true and one-shot=true'); // Docker's wording
        if (stream) return reply.stream('application/json', lines(stats.watch(id, { signal })));
        return reply.json(statsToWire(await (isNow ? stats.now(id) : stats.once(id, { signal }))));
      },
    ),
  ];
}

async function* lines(views: AsyncIterable<StatsView>): AsyncGenerator<string> {
  for await (const view of views) yield `${JSON.stringify(statsToWire(view))}\n`;
}
