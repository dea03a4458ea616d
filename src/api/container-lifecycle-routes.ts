import * as v from 'valibot';
import { EngineError, messageOf, notImplemented } from '#base/errors';
import type { WaitCondition } from '#container/container';
import type { ContainerService } from '#container/container-service';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { queryInteger, queryText } from '#spec/docker/query';
import type { ApiMinor } from './api-version.ts';

export type LifecycleApi = Pick<
  ContainerService,
  'inspect' | 'start' | 'stop' | 'restart' | 'kill' | 'pause' | 'unpause' | 'wait'
>;

const StopQuery = v.object({ t: queryInteger, signal: queryText });

export function containerLifecycleRoutes(containers: LifecycleApi): Route[] {
  return [
    startRoute(containers),
    route('POST', '/containers/{id}/stop', { query: StopQuery }, async request => {
      await containers.stop(request.params.id, stopOptions(request));
      return reply.noContent();
    }),
    route('POST', '/containers/{id}/restart', { query: StopQuery }, async request => {
      await containers.restart(request.params.id, stopOptions(request));
      return reply.noContent();
    }),
    route(
      'POST',
      '/containers/{id}/kill',
      { query: v.object({ signal: queryText }) },
      async ({ params: { id }, query }) => {
        await containers.kill(id, query.signal === '' ? {} : { signalName: query.signal });
        return reply.noContent();
      },
    ),
    route('POST', '/containers/{id}/pause', {}, async ({ params: { id } }) => {
      await containers.pause(id);
      return reply.noContent();
    }),
    route('POST', '/containers/{id}/unpause', {}, async ({ params: { id } }) => {
      await containers.unpause(id);
      return reply.noContent();
    }),
    waitRoute(containers),
  ];
}

/** The shortest body with something in it: until 1.22 a start could carry a whole host configuration. */
const MIN_BODY_BYTES = 7;

function startRoute(containers: LifecycleApi): Route {
  return route(
    'POST',
    '/containers/{id}/start',
    { query: v.object({ detachKeys: queryText, checkpoint: queryText }) },
    async ({ params: { id }, query, headers, signal }) => {
      const length = Number(headers['content-length'] ?? 0);
      if (length > MIN_BODY_BYTES || headers['transfer-encoding'] !== undefined) {
        throw new EngineError(
          'invalid',
          'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
        );
      }
      if (query.checkpoint !== '') throw notImplemented('start from a checkpoint');
      await containers.start(id, { signal });
      return reply.noContent();
    },
  );
}

function stopOptions(request: {
  readonly query: v.InferOutput<typeof StopQuery>;
  readonly version: ApiMinor;
  readonly signal: AbortSignal;
}) {
  const { query, version, signal } = request;
  return {
    signal,
    ...(query.t === undefined ? {} : { timeoutSeconds: query.t }),
    ...(query.signal !== '' && version >= 42 ? { stopSignal: query.signal } : {}),
  };
}

function waitRoute(containers: LifecycleApi): Route {
  return route(
    'POST',
    '/containers/{id}/wait',
    { query: v.object({ condition: queryText }) },
    async ({ params: { id }, query, version, signal }) => {
      const condition = version < 30 ? 'not-running' : parseCondition(query.condition);
      containers.inspect(id); // whether it is there must be known before the head goes out
      const ended = containers.wait(id, condition, { signal });
      ended.catch(() => undefined); // whoever reads the body sees it
      // Before 1.30 the head came with the body.
      if (version < 30) return reply.json(await waitResult(ended));
      // The CLI waits for the head, then starts the container: it must not depend on the end.
      return reply.stream('application/json', waitBody(ended));
    },
  );
}

function parseCondition(text: string): WaitCondition {
  switch (text) {
    case '':
    case 'not-running':
      return 'not-running';
    case 'next-exit':
    case 'removed':
      return text;
    default:
      throw new EngineError('invalid', `invalid condition: "${text}"`);
  }
}

async function* waitBody(ended: ReturnType<LifecycleApi['wait']>): AsyncGenerator<string> {
  yield `${JSON.stringify(await waitResult(ended))}\n`;
}

/** A wait that fails after the head is out can only say so in the body. */
async function waitResult(ended: ReturnType<LifecycleApi['wait']>) {
  try {
    const { exitCode, error } = await ended;
    return { StatusCode: exitCode, ...(error === '' ? {} : { Error: { Message: error } }) };
  } catch (error) {
    return { StatusCode: -1, Error: { Message: messageOf(error) } };
  }
}
