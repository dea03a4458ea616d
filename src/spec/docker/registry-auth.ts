import type { IncomingHttpHeaders } from 'node:http';
import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { goBody } from './fold-keys.ts';
import { text } from './lenient.ts';

/** What a client knows of a user at a registry: `AuthConfig` of the Engine API, and what `X-Registry-Auth` carries. */
export const RegistryAuth = goBody(
  v.object({
    username: text,
    password: text,
    /** base64 of `name:password`, which old clients send instead */
    auth: text,
    serveraddress: text,
    identitytoken: text,
    registrytoken: text,
  }),
);
export type RegistryAuth = v.InferOutput<typeof RegistryAuth>;

const MAX_HEADER = 64 * 1024;

/**
 * Reads `X-Registry-Auth`: JSON in base64, by either alphabet. Absent or empty: nobody is logged in.
 *
 * @throws {EngineError} `invalid` with Docker's wording.
 */
export function registryAuthOf(headers: IncomingHttpHeaders): RegistryAuth {
  const encoded = [headers['x-registry-auth'] ?? ''].flat()[0] ?? '';
  if (encoded === '' || encoded.length > MAX_HEADER) return v.parse(RegistryAuth, {});
  try {
    const json: unknown = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8') || '{}');
    return v.parse(RegistryAuth, json);
  } catch (error) {
    // Never the content: it is a secret.
    throw new EngineError('invalid', 'invalid X-Registry-Auth header: it is not JSON in base64', {
      cause: error,
    });
  }
}
