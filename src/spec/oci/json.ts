import * as v from 'valibot';
import { EngineError } from '#base/errors';

/** No honest manifest or image configuration is larger (distribution-spec asks registries to take 4 MiB). */
export const MAX_JSON_BYTES = 4 * 1024 * 1024;

/**
 * Parses a JSON document of an image by a schema. `what` names it in errors.
 *
 * @throws {EngineError} `invalid`, saying where the document is wrong.
 */
export function parseDocument<S extends v.GenericSchema>(
  schema: S,
  bytes: Buffer,
  what: string,
): v.InferOutput<S> {
  if (bytes.length > MAX_JSON_BYTES)
    throw new EngineError('invalid', `${what} is larger than ${MAX_JSON_BYTES} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new EngineError('invalid', `${what} is not JSON`, { cause });
  }
  // valibot takes a list for an object without members.
  if (schema.type === 'object' && Array.isArray(json)) {
    throw new EngineError('invalid', `${what} is invalid: expected an object, got a list`);
  }
  return checkValue(schema, json, what);
}

/** Checks what a document holds by a schema. @throws {EngineError} `invalid`, as {@link parseDocument}. */
export function checkValue<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  what: string,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? '';
  throw new EngineError('invalid', `${what} is invalid${path === '' ? '' : ` at ${path}`}: ${issue.message}`);
}
