import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import type { ContainerService } from '#container/container-service';
import { joinStreams } from '#http/join-streams';
import { reply, type WebSocketReply } from '#http/reply';
import { type Route, route } from '#http/route';
import { queryFlag, querySize, queryText } from '#spec/docker/query';
import { parseTimestamp } from '#spec/docker/timestamp';
import { sessionReply } from './session-reply.ts';
import { streamType } from './stream-type.ts';
import { Unframe } from './unframe.ts';

export type ContainerStreamApi = Pick<ContainerService, 'inspect' | 'attach' | 'logs' | 'resize'>;

const AttachQuery = v.object({
  stdin: queryFlag,
  stdout: queryFlag,
  stderr: queryFlag,
  logs: queryFlag,
  stream: queryFlag,
  detachKeys: queryText,
});

export function containerStreamRoutes(containers: ContainerStreamApi): Route[] {
  return [
    route(
      'POST',
      '/containers/{id}/attach',
      { query: AttachQuery, takesOver: true },
      async ({ params: { id }, query, version }) => sessionReply(await containers.attach(id, query), version),
    ),
    webSocketRoute(containers),
    logsRoute(containers),
    route(
      'POST',
      '/containers/{id}/resize',
      { query: v.object({ h: querySize('height'), w: querySize('width') }) },
      async ({ params: { id }, query }) => {
        await containers.resize(id, { rows: query.h, columns: query.w });
        return reply.empty();
      },
    ),
  ];
}

function webSocketRoute(containers: ContainerStreamApi): Route {
  return route(
    'GET',
    '/containers/{id}/attach/ws',
    { query: AttachQuery, takesOver: true },
    async ({ params: { id }, query, version }): Promise<WebSocketReply> => {
      // The three were documented before 1.42, and ignored.
      const streams = version < 42 ? { stdin: true, stdout: true, stderr: true } : {};
      const session = await containers.attach(id, { ...query, ...streams });
      return {
        type: 'web-socket',
        run: async (connection, options) => {
          if (session.isRaw) await session.run(connection, options);
          else await unframed(connection, framed => session.run(framed, options));
        },
      };
    },
  );
}

/** A message has bounds of its own, so Docker leaves its frames out of WebSockets. */
async function unframed(connection: Duplex, run: (connection: Duplex) => Promise<void>): Promise<void> {
  const unframe = new Unframe();
  const written = pipeline(unframe, connection, { end: false });
  written.catch(() => undefined); // the client left: `run` sees the same
  await run(joinStreams(connection, unframe));
  unframe.end();
  await written;
}

const LogsQuery = v.object({
  stdout: queryFlag,
  stderr: queryFlag,
  follow: queryFlag,
  timestamps: queryFlag,
  details: queryFlag,
  since: queryText,
  until: queryText,
  tail: queryText,
});

/**
 * Docker gives each line of a log a frame of its own, and clients count on it: docker-py yields frames as lines, others cut eight
 * bytes off each line. The command lines only join what the frames hold, ten times as fast when those are few.
 */
function readsFramesAsStream(userAgent = ''): boolean {
  return /^(?:Docker-Client\/|quai-cli)/.test(userAgent);
}

function logsRoute(containers: ContainerStreamApi): Route {
  return route(
    'GET',
    '/containers/{id}/logs',
    { query: LogsQuery },
    ({ params: { id }, query, headers, version, signal }) => {
      if (!query.stdout && !query.stderr) {
        throw new EngineError('invalid', 'Bad parameters: you must choose at least one stream');
      }
      const now = Date.now();
      const sinceNanos = timeParameter('since', query.since, now);
      const untilNanos = timeParameter('until', query.until, now);
      const tail = /^\d{1,15}$/.test(query.tail) ? Number(query.tail) : undefined; // anything else is all, as with Docker
      const logs = containers.logs(
        id,
        {
          stdout: query.stdout,
          stderr: query.stderr,
          isFollowing: query.follow,
          hasTimestamps: query.timestamps,
          hasDetails: query.details,
          sharesFrames: readsFramesAsStream(headers['user-agent']),
          // Clients send 0 for "not given".
          ...(sinceNanos ? { sinceNanos } : {}),
          ...(untilNanos ? { untilNanos } : {}),
          ...(tail === undefined ? {} : { tail }),
        },
        { signal },
      );
      return reply.stream(streamType(logs.isRaw, version), logs.bytes);
    },
  );
}

function timeParameter(name: string, text: string, now: number): bigint | undefined {
  try {
    return parseTimestamp(text, now);
  } catch (error) {
    throw new EngineError('invalid', `invalid value for "${name}": ${messageOf(error)}`, { cause: error });
  }
}
