import * as v from 'valibot';
import { EngineError } from '#base/errors';

/** No honest manifest or image configuration is larger (distribution-spec asks registries to take 4 MiB). */
export const MAX_JSON_BYTES = 4 * 1024 * 1024;
/** Members, elements, and what is around them: a thousand images in an index are a fifth of it. Reading them takes most of the time. */
const MAX_PARTS = 100_000;
const MAX_DEPTH = 200;

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
  checkParts(bytes, what);
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

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];

/** Four megabytes can be a million empty objects, which take seconds to be looked at: strings may be long, but not all else. */
function checkParts(bytes: Buffer, what: string): void {
  let [parts, depth] = [0, 0];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
      continue;
    }
    if (byte === 0x5b || byte === 0x7b) depth += 1;
    else if (byte === 0x5d || byte === 0x7d) depth -= 1;
    else if (byte !== COMMA) continue;
    parts += 1;
    if (parts > MAX_PARTS || depth > MAX_DEPTH) {
      throw new EngineError('invalid', `${what} is invalid: it has too many parts, or they are too deep`);
    }
  }
}

/** Where the quote that ends it is; the end of all where there is none. */
function endOfString(bytes: Buffer, begin: number): number {
  for (let end = bytes.indexOf(QUOTE, begin + 1); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let slashes = 0;
    while (bytes[end - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return bytes.length;
}

/** Checks what a document holds by a schema. @throws {EngineError} `invalid`, as {@link parseDocument}. */
export function checkValue<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  what: string,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true }); // one is told
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? '';
  throw new EngineError('invalid', `${what} is invalid${path === '' ? '' : ` at ${path}`}: ${issue.message}`);
}
