import { createHash } from 'node:crypto';

/** What a user logs in with, as `X-Registry-Auth` carries it. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  /** an OAuth2 refresh token, instead of a password */
  readonly identityToken?: string;
  /** a bearer token that is sent as it is */
  readonly registryToken?: string;
}

export const ANONYMOUS: Credentials = {};

/** Tells credentials apart without holding them: caches of tokens are keyed by it. */
export function fingerprint(credentials: Credentials): string {
  const { username = '', password = '', identityToken = '', registryToken = '' } = credentials;
  return createHash('sha256')
    .update(JSON.stringify([username, password, identityToken, registryToken]))
    .digest('base64');
}

export function hasPassword(credentials: Credentials): boolean {
  return (credentials.username ?? '') !== '' && (credentials.password ?? '') !== '';
}

export function basicAuth({ username = '', password = '' }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
