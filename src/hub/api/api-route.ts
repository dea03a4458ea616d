import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { Logger } from '#base/logger';
import { plainLines } from '#base/plain-text';
import { HttpError } from '#http/http-error';
import { readJsonBody } from '#http/json-body';
import { type BytesReply, type Reply, reply } from '#http/reply';
import type { RawQuery, RawRequest, Route } from '#http/route';
import { HTTP_STATUS } from '../http-status.ts';
import type { Permission } from '../hub-records.ts';
import type { HubServices, Viewer } from '../hub-services.ts';
import type { ApiDoor } from './api-door.ts';

export interface ApiDeps {
  readonly services: HubServices;
  readonly door: ApiDoor;
  readonly publicUrl: string;
  readonly logger: Logger;
}

/** A request with its parts parsed, from a caller that has been let in. */
export interface ApiRequest<Body> {
  readonly viewer: Viewer;
  readonly path: string;
  /** where it comes from, for limits */
  readonly address: string;
  /** what the names in the pattern's braces stand for; empty where it has no such name */
  readonly param: (name: string) => string;
  readonly query: RawQuery;
  readonly body: Body;
}

type Schema = v.GenericSchema;

/** An overview is the longest that anybody has to say; what strangers send is held in memory. */
export const MAX_BODY_BYTES = 256 * 1024;

export interface ApiInput<B extends Schema> {
  readonly body?: B;
  /** default: `read` for `GET`, otherwise `admin` */
  readonly permission?: Permission;
  readonly isPasswordOnly?: boolean;
  readonly isOpen?: boolean;
  readonly takesRegistryTokens?: boolean;
}

/**
 * Declares a route of the API, with and without a slash at its end as clients of Docker Hub write it. Everything that goes
 * wrong is told as `{"message", "detail"}`: some clients look at one, some at the other.
 */
export function apiRoute<const B extends Schema = v.GenericSchema<unknown, undefined>>(
  deps: ApiDeps,
  [method, pattern]: readonly [method: string, pattern: string],
  input: ApiInput<B>,
  handler: (request: ApiRequest<v.InferOutput<B>>) => Reply | Promise<Reply>,
): Route[] {
  const need = {
    permission: input.permission ?? (method === 'GET' ? 'read' : 'admin'),
    isPasswordOnly: input.isPasswordOnly ?? false,
    isOpen: input.isOpen ?? false,
    takesRegistryTokens: input.takesRegistryTokens ?? false,
  };
  const handle = async (raw: RawRequest): Promise<Reply> => {
    try {
      const viewer = await deps.door.admit(raw, need);
      const json = input.body
        ? await readJsonBody(raw.bytes, raw.headers, { maxBytes: MAX_BODY_BYTES })
        : undefined;
      return await handler({
        viewer,
        path: raw.path,
        address: deps.door.addressOf(raw),
        param: name => raw.params[name] ?? '',
        query: raw.query,
        // Without a schema the type is the default above.
        body: (input.body ? v.parse(input.body, json ?? {}) : undefined) as v.InferOutput<B>,
      });
    } catch (error) {
      if (raw.signal.aborted) throw error;
      return apiFailure(error, deps);
    }
  };
  const route = { method, takesJson: false, takesOver: false, handle };
  return [pattern, `${pattern}/`].map(text => ({ ...route, pattern: text }));
}

/** The answer to anything that was thrown. */
export function apiFailure(error: unknown, deps: Pick<ApiDeps, 'logger' | 'publicUrl'>): BytesReply {
  const { logger } = deps;
  if (error instanceof EngineError) {
    const status = HTTP_STATUS[error.kind];
    if (status === 500) logger.error('request failed', { error });
    return failure(deps, status, error.message);
  }
  if (error instanceof HttpError) return failure(deps, error.status, error.message);
  if (v.isValiError(error)) return failure(deps, 400, schemaMessage(error));
  logger.error('request failed', { error });
  return failure(deps, 500, 'something went wrong here; the log of the hub has more');
}

function failure({ publicUrl }: Pick<ApiDeps, 'publicUrl'>, status: number, message: string): BytesReply {
  const text = plainLines(message);
  const answer = reply.json({ message: text, detail: text }, status);
  if (status !== 401) return answer;
  // As below `/v2/`: clients of the registry, which search here too, remember it for both.
  const challenge = `Bearer realm="${publicUrl}/token",service="${new URL(publicUrl).host}"`;
  return { ...answer, headers: { ...answer.headers, 'WWW-Authenticate': challenge } };
}

function schemaMessage({ issues: [issue] }: Pick<v.ValiError<v.GenericSchema>, 'issues'>): string {
  const path = v.getDotPath(issue);
  return path === null ? issue.message : `${path}: ${issue.message}`;
}

/** The first value of a parameter. */
export function queryText(query: RawQuery, key: string): string | undefined {
  return query[key]?.[0];
}

/** @throws {EngineError} `invalid` for what is no whole number. */
export function queryNumber(query: RawQuery, key: string): number | undefined {
  const text = queryText(query, key);
  if (text === undefined || text === '') return undefined;
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw new EngineError('invalid', `${key} must be a whole number, and is "${text.slice(0, 20)}"`);
}
