import * as v from 'valibot';
import { isKind, messageOf } from '#base/errors';
import { HttpError } from '#http/http-error';
import { readWhole } from '#http/read-whole';
import { type BytesReply, reply } from '#http/reply';
import { type RawQuery, type RawRequest, type Route, route } from '#http/route';
import { REGISTRY_ERRORS, type RegistryErrorCode } from '#registry/errors';
import { addressOf, parseAuthorization } from './client-credentials.ts';
import type { Grant, TokenAnswer, TokenServer } from './token-server.ts';

export interface TokenRoutesDeps {
  readonly tokenServer: TokenServer;
  readonly isBehindProxy: boolean;
}

const MAX_FORM_BYTES = 64 * 1024;
const AnyQuery = v.record(v.string(), v.array(v.string()));

/**
 * The token endpoint, as the distribution project's token authentication and its OAuth2 variant describe it: `GET` with a
 * name and a password, or without, `POST` with a form.
 */
export function tokenRoutes({ tokenServer, isBehindProxy }: TokenRoutesDeps): Route[] {
  return [
    route('GET', '/token', { query: AnyQuery }, raw =>
      answered(async () => {
        const { query } = raw;
        const grant = basicGrant(raw.headers.authorization, addressOf(raw, { isBehindProxy }));
        const isOffline = first(query, 'offline_token') === 'true';
        const client = isOffline ? (first(query, 'client_id') ?? 'unknown') : undefined;
        return await tokenServer.answer(grant, query['scope'] ?? [], client);
      }),
    ),
    route('POST', '/token', {}, raw =>
      answered(async () => {
        const form = await readForm(raw);
        const isOffline = form.get('access_type') === 'offline';
        const client = isOffline ? (form.get('client_id') ?? 'unknown') : undefined;
        const grant = formGrant(form, addressOf(raw, { isBehindProxy }));
        return await tokenServer.answer(grant, form.getAll('scope'), client);
      }),
    ),
  ];
}

function first(query: RawQuery, key: string): string | undefined {
  return query[key]?.[0];
}

function basicGrant(authorization: string | undefined, address: string): Grant {
  if (authorization === undefined) return { type: 'anonymous' };
  const credentials = parseAuthorization(authorization);
  if (credentials.scheme !== 'basic') {
    throw new HttpError(401, 'the token endpoint takes a name and a password: Authorization: Basic …');
  }
  return { type: 'password', name: credentials.name, secret: credentials.secret, address };
}

async function readForm({ bytes }: Pick<RawRequest, 'bytes'>): Promise<URLSearchParams> {
  const tooLarge = (): HttpError => new HttpError(413, `the form may have ${MAX_FORM_BYTES} bytes`);
  const body = await readWhole(bytes, { maxBytes: MAX_FORM_BYTES, tooLarge });
  return new URLSearchParams(body.toString('utf8'));
}

function formGrant(form: URLSearchParams, address: string): Grant {
  const type = form.get('grant_type') ?? '';
  switch (type) {
    case 'password':
      return { type, name: form.get('username') ?? '', secret: form.get('password') ?? '', address };
    case 'refresh_token':
      return { type: 'refresh', token: form.get('refresh_token') ?? '' };
    default:
      throw new HttpError(400, 'grant_type must be "password" or "refresh_token"');
  }
}

async function answered(work: () => Promise<TokenAnswer>): Promise<BytesReply> {
  try {
    const { signed, scope, refreshToken } = await work();
    const answer = reply.json({
      token: signed.value,
      access_token: signed.value,
      scope,
      expires_in: signed.lifeSeconds,
      issued_at: new Date(signed.issuedAt).toISOString(),
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    });
    return { ...answer, headers: { ...answer.headers, 'Cache-Control': 'no-store' } };
  } catch (error) {
    return refusal(error);
  }
}

/** In the registry's words for one kind of clients, and in OAuth2's for the other. */
function refusal(error: unknown): BytesReply {
  if (isKind(error, 'unauthorized')) {
    return refused(401, 'UNAUTHORIZED', 'invalid_grant', error.message);
  }
  if (isKind(error, 'unavailable')) {
    return refused(429, 'TOOMANYREQUESTS', 'temporarily_unavailable', error.message);
  }
  if (error instanceof HttpError) {
    const code = error.status === 401 ? 'UNAUTHORIZED' : 'UNSUPPORTED';
    return refused(error.status, code, 'invalid_request', messageOf(error));
  }
  throw error;
}

function refused(status: number, code: RegistryErrorCode, oauth: string, message: string): BytesReply {
  const body = {
    errors: [{ code, message, detail: REGISTRY_ERRORS[code].message }],
    error: oauth,
    error_description: message,
  };
  return reply.json(body, status);
}
