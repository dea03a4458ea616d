import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { EngineError, notImplemented } from '#base/errors';
import type { BuildContexts } from '#build/build-contexts';
import type { BuildEvent } from '#build/build-event';
import type { BuildRequest } from '#build/build-request';
import type { BuildService } from '#build/build-service';
import { type Reply, reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { BuildQuery } from '#spec/docker/build-query';
import { queryFilters } from '#spec/docker/filters';
import { queryFlag, queryInteger, queryList, queryText } from '#spec/docker/query';
import { BUILD_CACHE_FILTERS, pruneBuildCache } from './build-cache-prune.ts';
import { failureDetail } from './build-failure.ts';
import { askedBuild } from './build-request.ts';
import { BuildSecrets } from './build-secrets.ts';
import { buildEventToWire } from './build-wire.ts';
import { ClassicBuildOutput } from './classic-build-output.ts';
import { type Emit, progressReply, type Room } from './progress-reply.ts';
import { RunningBuilds } from './running-builds.ts';

export interface BuildRouteDeps {
  readonly builds: Pick<BuildService, 'build' | 'cacheEntries' | 'ownBytes' | 'pruneCache'>;
  readonly contexts: Pick<BuildContexts, 'receive' | 'fetch'>;
}

const DEFAULT_NAME = 'Dockerfile';

/** What the builder of Docker's that came before BuildKit is asked for, and the same for our command line. */
export function buildRoutes(deps: BuildRouteDeps): Route[] {
  const running = new RunningBuilds();
  return [
    route('POST', '/build', { query: BuildQuery }, request =>
      buildReply({ ...deps, running }, request, emit => classicOutput(emit, request.query)),
    ),
    route('POST', '/build/cancel', { query: v.object({ id: queryText }) }, ({ query: { id } }) => {
      if (id === '') throw new EngineError('invalid', 'build ID not provided'); // Docker's wording
      running.cancel(id);
      return reply.empty(200);
    }),
    pruneRoute(deps.builds),
    ...ownRoutes({ ...deps, running }),
  ];
}

const OwnQuery = v.object({
  ...BuildQuery.entries,
  /** names of stages */
  nocachefilter: queryList,
  /** `plain` is what `/build` answers with */
  progress: queryText,
  secrets: queryText,
});

function ownRoutes(deps: BuildReplyDeps): Route[] {
  const secrets = new BuildSecrets();
  return [
    route('POST', '/quai/build/secrets', {}, async ({ bytes }) =>
      reply.created({ Id: await secrets.receive(bytes) }),
    ),
    route('POST', '/quai/build', { query: OwnQuery }, request => {
      const { secrets: id, nocachefilter, progress } = request.query;
      const extra = {
        ...(id === '' ? {} : { secrets: secrets.take(id) }),
        ...(nocachefilter.length > 0 && !request.query.nocache ? { noCache: nocachefilter } : {}),
      };
      const begin: BeginBuild = emit => {
        if (progress === 'plain') return classicOutput(emit, request.query);
        emit({}); // from here on errors come as lines, which have the place in the Dockerfile
        return event => emit(buildEventToWire(event));
      };
      return buildReply(deps, request, begin, extra);
    }),
  ];
}

function classicOutput(emit: Emit, { q }: BuildQuery): (event: BuildEvent) => void {
  const output = new ClassicBuildOutput(emit, { isQuiet: q });
  return event => output.tell(event);
}

interface BuildReplyDeps extends BuildRouteDeps {
  readonly running: RunningBuilds;
}

interface Asked {
  readonly query: BuildQuery;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Readable;
  readonly signal: AbortSignal;
}

type BeginBuild = (emit: Emit) => (event: BuildEvent) => void;

/** Takes the context in and builds, while what happens is told as lines. */
async function buildReply(
  { builds, contexts, running }: BuildReplyDeps,
  { query, headers, bytes, signal: left }: Asked,
  begin: BeginBuild,
  extra: Pick<BuildRequest, 'secrets' | 'noCache'> = {},
): Promise<Reply> {
  const asked = askedBuild(query, headers);
  const { signal, ended } = running.begin(query.buildid, left);
  const work = async (emit: Emit, room: Room): Promise<void> => {
    const tell = begin(emit);
    const onEvent = (event: BuildEvent): Promise<void> | undefined => {
      tell(event);
      return room();
    };
    try {
      await using source = await (query.remote === ''
        ? contexts.receive(bytes.iterator({ destroyOnReturn: false }), { signal })
        : contexts.fetch(query.remote, { signal }));
      const { context, dockerfile = { kind: 'path', path: query.dockerfile || DEFAULT_NAME } } = source;
      const request = { ...asked, ...extra, dockerfile, context };
      await builds.build(request, onEvent, { signal });
    } finally {
      ended();
    }
  };
  return await progressReply(work, { detail: failureDetail });
}

const PruneQuery = v.object({
  all: queryFlag,
  filters: queryFilters(BUILD_CACHE_FILTERS),
  'keep-storage': queryInteger,
  'reserved-space': queryInteger,
  'max-used-space': queryInteger,
  'min-free-space': queryInteger,
});

function pruneRoute(builds: BuildRouteDeps['builds']): Route {
  return route('POST', '/build/prune', { query: PruneQuery }, async ({ query, version, signal }) => {
    if (query['min-free-space'])
      throw notImplemented(
        'min-free-space; reserved-space and max-used-space say how much of the cache stays',
      );
    // `reserved-space` is the name since 1.48 for what was `keep-storage` before
    const reserved =
      version < 48 ? query['keep-storage'] : (query['reserved-space'] ?? query['keep-storage']);
    const keepBytes = Math.max(reserved ?? 0, query['max-used-space'] ?? 0);
    const { all, filters } = query;
    const report = await pruneBuildCache(builds, { all, filters, keepBytes }, signal);
    return reply.json({
      CachesDeleted: report.deleted.length > 0 ? report.deleted : null, // as Docker's
      SpaceReclaimed: report.reclaimedBytes,
    });
  });
}
