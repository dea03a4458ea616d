import { EngineError } from '#base/errors';

/** The second number of an API version: 45 is 1.45. Every version served begins with 1. */
export type ApiMinor = number;

export const MIN_API_MINOR = 24;
export const MAX_API_MINOR = 55;
export const MIN_API_VERSION = `1.${MIN_API_MINOR}`;
export const MAX_API_VERSION = `1.${MAX_API_MINOR}`;

/**
 * Splits `/v1.45/info` into version and path. Without a prefix it is the latest version.
 *
 * @throws {EngineError} `invalid` for a version not served, with Docker's wording.
 */
export function splitVersion(path: string): { readonly path: string; readonly version: ApiMinor } {
  const match = /^\/v(\d[\d.]*)(\/.*)$/s.exec(path);
  if (!match) return { path, version: MAX_API_MINOR };
  const version = match[1] ?? '';
  const [major = 0, minor = 0] = version.split('.', 2).map(Number);
  if (major < 1 || (major === 1 && minor < MIN_API_MINOR)) {
    throw new EngineError(
      'invalid',
      `client version ${version} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
    );
  }
  if (major > 1 || minor > MAX_API_MINOR) {
    throw new EngineError(
      'invalid',
      `client version ${version} is too new. Maximum supported API version is ${MAX_API_VERSION}`,
    );
  }
  return { path: match[2] ?? '/', version: minor };
}
