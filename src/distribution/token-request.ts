import * as v from 'valibot';
import { maybe } from '#spec/docker/lenient';
import type { AddressClass } from '#sys/address-guard';
import { basicAuth, type Credentials, hasPassword } from './credentials.ts';
import { badAnswer, refused, tokenRefused } from './errors.ts';
import type { HttpClient } from './http-client.ts';
import { type HttpRequest, readBody } from './http-message.ts';
import { problemOf } from './registry-problem.ts';
import { hostName } from './registry-rules.ts';
import type { TlsSettings } from './tls-settings.ts';
import { transportError } from './transport-error.ts';

/** What a token is asked for. */
export interface TokenRequest {
  /** of the challenge */
  readonly realm: string;
  readonly service: string;
  /** `repository:library/busybox:pull` */
  readonly scopes: readonly string[];
  readonly credentials: Credentials;
  /** the registry that named the realm */
  readonly registry: { readonly origin: string; readonly address: AddressClass };
  /** the only other hosts that may be asked; absent: any, by https */
  readonly authHosts?: readonly string[] | undefined;
  readonly tlsOf: (url: URL) => TlsSettings;
  /** whether a refresh token is wanted, to be kept instead of the password */
  readonly isLogin?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Token {
  readonly value: string;
  readonly lifeMs: number;
  /** for later, instead of a password */
  readonly refreshToken?: string;
}

const TokenBody = v.object({
  token: maybe(v.string()),
  access_token: maybe(v.string()),
  refresh_token: maybe(v.string()),
  expires_in: maybe(v.number()),
});

const MAX_BODY = 1024 * 1024;
const CLIENT_ID = 'quai';
/** What a token lives when its server does not say (distribution's token specification); never taken for less. */
const SHORTEST_LIFE_SECONDS = 60;
const LONGEST_LIFE_SECONDS = 24 * 3600;

/**
 * Asks a token server: by GET with name and password, or by POST with an identity token (OAuth2).
 *
 * The realm is what a registry says, so it gets the user's secrets only under rules: see {@link checkRealm}.
 *
 * @throws {EngineError} `unauthorized`, `unavailable`, `invalid`.
 */
export async function fetchToken(http: Pick<HttpClient, 'send'>, request: TokenRequest): Promise<Token> {
  const url = checkRealm(request);
  const { credentials } = request;
  const outgoing =
    (credentials.identityToken ?? '') === '' ? getRequest(url, request) : postRequest(url, request);
  const isOwn = url.origin === request.registry.origin;
  const response = await http
    .send({
      ...outgoing,
      tls: request.tlsOf(url),
      namedBy: isOwn ? undefined : request.registry.address,
      signal: request.signal,
    })
    .catch((error: unknown) => {
      throw transportError(error, outgoing.method, url);
    });
  if (response.status !== 200) throw refused(await problemOf(response));
  const body = await readBody(response, MAX_BODY).catch((error: unknown) => {
    throw transportError(error, outgoing.method, url);
  });
  return parseToken(body, url.host);
}

/**
 * The token server that a registry names gets secrets only when it is the registry itself, or speaks https; by plain
 * http only when the registry does, and is then on the same host. A list of hosts in the rules narrows it further.
 *
 * @throws {EngineError} `unauthorized`.
 */
export function checkRealm({
  realm,
  registry,
  authHosts,
}: Pick<TokenRequest, 'realm' | 'registry' | 'authHosts'>): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw tokenRefused(realm, 'it is not an http(s) URL');
  if (url.username !== '' || url.password !== '') throw tokenRefused(url.host, 'its URL holds credentials');
  url.hash = '';
  if (url.origin === registry.origin) return url;
  if (authHosts && !authHosts.includes(url.host)) {
    throw tokenRefused(url.origin, `the rules allow ${authHosts.join(', ') || 'none but the registry'}`);
  }
  if (url.protocol === 'https:') return url;
  const own = new URL(registry.origin);
  if (own.protocol === 'http:' && hostName(own.host) === hostName(url.host)) return url;
  throw tokenRefused(url.origin, 'another host must speak https');
}

type Outgoing = Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'>;

function getRequest(realm: URL, { service, scopes, credentials, isLogin }: TokenRequest): Outgoing {
  const url = new URL(realm);
  if (service !== '') url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  if (!hasPassword(credentials)) return { method: 'GET', url, headers: {} };
  url.searchParams.set('account', credentials.username ?? '');
  if (isLogin) {
    url.searchParams.set('offline_token', 'true');
    url.searchParams.set('client_id', CLIENT_ID);
  }
  return { method: 'GET', url, headers: { authorization: basicAuth(credentials) } };
}

function postRequest(url: URL, { service, scopes, credentials }: TokenRequest): Outgoing {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: credentials.identityToken ?? '',
    service,
    client_id: CLIENT_ID,
    ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
  });
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: Buffer.from(form.toString()),
  };
}

function parseToken(body: Buffer, host: string): Token {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    throw badAnswer(host, 'the token is not JSON');
  }
  const parsed = v.safeParse(TokenBody, json);
  const value = parsed.success ? (parsed.output.token ?? parsed.output.access_token ?? '') : '';
  // It becomes part of a header.
  if (!parsed.success || !/^[\x21-\x7e]+$/.test(value)) throw badAnswer(host, 'there is no token in it');
  const { expires_in: seconds = 0, refresh_token: refreshToken } = parsed.output;
  const life = Math.min(LONGEST_LIFE_SECONDS, Math.max(SHORTEST_LIFE_SECONDS, seconds));
  return { value, lifeMs: life * 1000, ...(refreshToken === undefined ? {} : { refreshToken }) };
}
