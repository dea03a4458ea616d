import type { Edge } from '#http/http-server';
import type { BytesReply } from '#http/reply';
import type { Route } from '#http/route';

/** A part of the hub with its own way to say no. */
export interface HubPart {
  /** of its paths */
  readonly prefix: string;
  readonly fail: Edge['fail'];
}

/** One server for the registry's protocol, the JSON API and the pages: who answers for a failure follows from the path. */
export function hubEdge(parts: readonly HubPart[], fallback: Edge['fail']): Edge {
  const bySpecificity = parts.toSorted((one, other) => other.prefix.length - one.prefix.length);
  return {
    headers: {},
    admit: (_request, path) => ({ path, version: 0 }),
    fail: (error, request): BytesReply => {
      const path = (request.url ?? '').split(/[?#]/, 1)[0] ?? '';
      const part = bySpecificity.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
      return (part?.fail ?? fallback)(error, request);
    },
  };
}

/** What can be got can be looked at, too: `HEAD` is answered as `GET` is, without the body. */
export function withHeads(routes: readonly Route[]): Route[] {
  const heads = new Set(routes.filter(({ method }) => method === 'HEAD').map(({ pattern }) => pattern));
  const added = routes.filter(({ method, pattern }) => method === 'GET' && !heads.has(pattern));
  return [...routes, ...added.map(route => ({ ...route, method: 'HEAD' }))];
}
