import { HttpError } from '#http/http-error';
import { type Reply, reply } from '#http/reply';
import { type RawRequest, type Route, route } from '#http/route';
import type { AccessControl, RepositoryAction } from './access-control.ts';
import { getBlob } from './blob-handlers.ts';
import type { Blobs } from './blobs.ts';
import { RegistryError, registryErrorOf } from './errors.ts';
import { admitted, type Exchange } from './exchange.ts';
import type { ListHandlers } from './list-handlers.ts';
import type { ManifestHandlers } from './manifest-handlers.ts';
import { checkDigest } from './names.ts';
import { REGISTRY_HEADERS } from './registry-edge.ts';
import { parseRequestPath, type RequestTarget } from './request-path.ts';
import type { UploadHandlers } from './upload-handlers.ts';

export interface RegistryRoutesDeps {
  readonly access: AccessControl;
  readonly blobs: Blobs;
  readonly uploads: UploadHandlers;
  readonly manifests: ManifestHandlers;
  readonly lists: ListHandlers;
}

type Handler = (exchange: Exchange) => Reply | Promise<Reply>;

interface Operation {
  readonly actions: readonly RepositoryAction[];
  readonly handle: Handler;
}

/** Who pushes also looks whether it is there: one token does for both, as clients know it from distribution. */
const PUSH: readonly RepositoryAction[] = ['pull', 'push'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * Everything below `/v2/`. Errors are thrown as {@link RegistryError} only, so that a server with more than a registry can
 * tell whose they are.
 */
export function registryRoutes(deps: RegistryRoutesDeps): Route[] {
  const handle = async (request: RawRequest): Promise<Reply> => {
    try {
      return withHeaders(await answer(deps, request));
    } catch (error) {
      throw registryErrorOf(error);
    }
  };
  return METHODS.flatMap(method =>
    ['/v2', '/v2/', '/v2/{path}'].map(pattern => ({ ...route(method, pattern, {}, notUsed), handle })),
  );
}

function notUsed(): Reply {
  return reply.empty(404);
}

async function answer(deps: RegistryRoutesDeps, request: RawRequest): Promise<Reply> {
  const target = parseRequestPath(request.path);
  if (!target) throw new RegistryError('NOT_FOUND');
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  if (target.type === 'base' || target.type === 'catalog') {
    if (method !== 'GET') throw notAllowed(request, ['GET', 'HEAD']);
    if (target.type === 'catalog') return await deps.lists.catalog(request);
    await deps.access.admit(request.headers.authorization, undefined, request.peer);
    return reply.json({});
  }
  const operations = operationsOf(deps, target);
  const operation = operations[method];
  if (!operation) throw notAllowed(request, Object.keys(operations));
  const { repository } = target;
  return await operation.handle(
    await admitted(deps.access, request, { repository, actions: operation.actions }),
  );
}

type RepositoryTarget = Extract<RequestTarget, { readonly repository: string }>;

function operationsOf(
  deps: RegistryRoutesDeps,
  target: RepositoryTarget,
): Readonly<Partial<Record<string, Operation>>> {
  const { blobs, uploads, manifests, lists } = deps;
  switch (target.type) {
    case 'tags':
      return { GET: { actions: ['pull'], handle: exchange => lists.tags(exchange) } };
    case 'referrers':
      return { GET: { actions: ['pull'], handle: exchange => lists.referrers(exchange, target.digest) } };
    case 'manifest': {
      const { reference } = target;
      return {
        GET: { actions: ['pull'], handle: exchange => manifests.get(exchange, reference) },
        PUT: { actions: PUSH, handle: exchange => manifests.put(exchange, reference) },
        DELETE: { actions: ['delete'], handle: exchange => manifests.remove(exchange, reference) },
      };
    }
    case 'blob': {
      const { digest } = target;
      return {
        GET: { actions: ['pull'], handle: exchange => getBlob(blobs, exchange, checkDigest(digest)) },
        DELETE: {
          actions: ['delete'],
          handle: ({ repository }) => {
            blobs.remove(repository, checkDigest(digest));
            return reply.empty(202);
          },
        },
      };
    }
    case 'uploads':
      return { POST: { actions: PUSH, handle: exchange => uploads.begin(exchange) } };
    case 'upload': {
      const { id } = target;
      return {
        GET: { actions: PUSH, handle: exchange => uploads.status(exchange, id) },
        PATCH: { actions: PUSH, handle: exchange => uploads.append(exchange, id) },
        PUT: { actions: PUSH, handle: exchange => uploads.finish(exchange, id) },
        DELETE: { actions: PUSH, handle: exchange => uploads.cancel(exchange, id) },
      };
    }
  }
}

function notAllowed({ method }: RawRequest, allowed: readonly string[]): HttpError {
  const all = allowed.includes('GET') ? new Set([...allowed, 'HEAD']) : new Set(allowed);
  return new HttpError(405, `${method} is not supported here`, { headers: { Allow: [...all].join(', ') } });
}

/** Also where a server with other things beside it has other headers. */
function withHeaders(answer: Reply): Reply {
  return 'headers' in answer ? { ...answer, headers: { ...REGISTRY_HEADERS, ...answer.headers } } : answer;
}
