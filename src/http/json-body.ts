import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { EngineError, messageOf } from '#base/errors';
import { HttpError } from './http-error.ts';
import { readWhole } from './read-whole.ts';

export const MAX_JSON_BYTES = 4 * 1024 * 1024;

/** As deep as Go's decoder goes. */
const MAX_DEPTH = 10_000;

/**
 * Reads a JSON body with the rules and the wording of Docker's `httputils.ReadJSON`: no body at all is `undefined`,
 * anything else must say that it is JSON, and be one value.
 *
 * @throws {EngineError} `invalid` for another content type, bad or cut JSON.
 * @param options.maxBytes default: {@link MAX_JSON_BYTES}
 * @throws {HttpError} 413 for more.
 */
export async function readJsonBody(
  stream: Readable,
  headers: IncomingHttpHeaders,
  { maxBytes = MAX_JSON_BYTES }: { readonly maxBytes?: number } = {},
): Promise<unknown> {
  const contentType = headers['content-type'] ?? '';
  const isEmpty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  if (isEmpty && contentType === '') return undefined;
  requireJson(contentType);
  if (isEmpty) return undefined;
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  return parseJson(await readWhole(stream, { maxBytes, tooLarge: () => tooLarge(maxBytes) }));
}

function requireJson(contentType: string): void {
  if (contentType === '') throw invalid('malformed Content-Type header (): mime: no media type');
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (mediaType === 'application/json') return;
  throw invalid(`unsupported Content-Type header (${contentType}): must be 'application/json'`);
}

function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) throw invalid('invalid JSON: got EOF while reading request body');
  if (bytes.length > MAX_DEPTH && depthExceeds(bytes, MAX_DEPTH)) {
    throw invalid('invalid JSON: json: exceeded max depth');
  }
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new EngineError('invalid', `invalid JSON: ${messageOf(error)}`, { cause: error });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Looks at brackets outside strings only; whether the rest is JSON is for the parser to say. */
function depthExceeds(bytes: Buffer, limit: number): boolean {
  let depth = 0;
  let isString = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (isString) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) isString = false;
    } else if (byte === QUOTE) isString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > limit) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return false;
}

function tooLarge(maxBytes: number): HttpError {
  return new HttpError(413, `request body too large: the limit for JSON is ${maxBytes} bytes`);
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
