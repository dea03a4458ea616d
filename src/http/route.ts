import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import type { PathParams } from './path-pattern.ts';
import type { Reply } from './reply.ts';

/** Query parameters as sent: every key with all its values. */
export type RawQuery = Readonly<Record<string, readonly string[]>>;

/** Who is at the other end of a connection. */
export interface Peer {
  /** as `node:net` writes it; empty for a Unix socket */
  readonly address: string;
  /** whether the connection itself is encrypted */
  readonly isSecure: boolean;
}

/** A request that has been routed, before its parts are parsed. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** what the edge made of a version prefix; a protocol without versions has 0 */
  readonly version: number;
  readonly params: Readonly<Record<string, string>>;
  readonly query: RawQuery;
  /** parsed JSON; `undefined` when the route takes no JSON body or none was sent */
  readonly body: unknown;
  /** the body as bytes, for routes that take no JSON */
  readonly bytes: Readable;
  readonly peer: Peer;
  /** fires when the client leaves */
  readonly signal: AbortSignal;
}

/** What a handler gets: the request with the parts it declared, parsed. */
export interface RouteRequest<Params, Query, Body> extends Omit<RawRequest, 'params' | 'query' | 'body'> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

export interface Route {
  readonly method: string;
  readonly pattern: string;
  readonly takesJson: boolean;
  /** the connection may become a stream in both directions: `Upgrade` is honoured here, and nowhere else */
  readonly takesOver: boolean;
  readonly handle: (request: RawRequest) => Promise<Reply>;
}

type Schema<Output = unknown> = v.GenericSchema<unknown, Output>;

/** Schemas of the parts of a request (a part without one is not looked at), and what else is special. */
export interface RouteInput<P extends Schema, Q extends Schema, B extends Schema> {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly takesOver?: boolean;
}

/**
 * Declares a route. The names in the pattern's braces and the schemas give the handler's types.
 *
 * @throws {v.ValiError} from `handle`, when a part does not fit its schema: the edge makes a 400 of it.
 */
export function route<
  const Pattern extends string,
  P extends Schema = Schema<PathParams<Pattern>>,
  Q extends Schema = Schema<undefined>,
  B extends Schema = Schema<undefined>,
>(
  method: string,
  pattern: Pattern,
  input: RouteInput<P, Q, B>,
  handler: (
    request: RouteRequest<v.InferOutput<P>, v.InferOutput<Q>, v.InferOutput<B>>,
  ) => Promise<Reply> | Reply,
): Route {
  return {
    method,
    pattern,
    takesJson: input.body !== undefined,
    takesOver: input.takesOver ?? false,
    handle: async raw =>
      handler({
        ...raw,
        // Without a schema the types are the defaults above: the names in the pattern, and nothing.
        params: part(input.params, raw.params) as v.InferOutput<P>,
        query: part(input.query, raw.query) as v.InferOutput<Q>,
        body: (input.body ? v.parse(input.body, raw.body) : undefined) as v.InferOutput<B>,
      }),
  };
}

function part(schema: Schema | undefined, value: unknown): unknown {
  return schema ? v.parse(schema, value) : value;
}
