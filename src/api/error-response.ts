import * as v from 'valibot';
import { EngineError, type ErrorKind, messageOf } from '#base/errors';
import { plainLines } from '#base/plain-text';
import { HttpError } from '#http/http-error';
import { type BytesReply, reply } from '#http/reply';

/** Docker Engine API statuses. `satisfies` makes a forgotten kind a compile error. */
export const STATUS = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  notModified: 304,
  unavailable: 503,
  notImplemented: 501,
  cancelled: 499,
  deadline: 500,
  dataLoss: 500,
  internal: 500,
} as const satisfies Record<ErrorKind, number>;

/** The answer to anything that was thrown: a status and `{"message": …}`, as all of the Engine API does. */
export function errorResponse(error: unknown): BytesReply {
  if (error instanceof EngineError) return response(STATUS[error.kind], error.message);
  if (error instanceof HttpError) {
    const answer = response(error.status, error.message);
    return { ...answer, headers: { ...answer.headers, ...error.headers } };
  }
  if (v.isValiError(error)) return response(STATUS.invalid, schemaMessage(error));
  return response(STATUS.internal, messageOf(error));
}

function response(status: number, message: string): BytesReply {
  return status === STATUS.notModified ? reply.empty(status) : errorReply(message, status);
}

/** Archives, registries and plugins have a say in messages, and command lines write them to terminals. */
export function errorReply(message: string, status: number): BytesReply {
  return reply.json({ message: plainLines(message) }, status);
}

/** Names the place in the body and what was wrong there; Docker's `invalid JSON: ` in front. */
function schemaMessage({ issues: [issue] }: Pick<v.ValiError<v.GenericSchema>, 'issues'>): string {
  const path = v.getDotPath(issue);
  return path === null ? `invalid JSON: ${issue.message}` : `invalid JSON: field ${path}: ${issue.message}`;
}
