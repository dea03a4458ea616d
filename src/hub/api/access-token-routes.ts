import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { reply } from '#http/reply';
import type { Route } from '#http/route';
import type { AccessToken, Permission } from '../hub-records.ts';
import type { Viewer } from '../hub-services.ts';
import { type ApiDeps, apiRoute } from './api-route.ts';
import { wireAccessToken } from './api-wire.ts';

const PERMISSIONS: Readonly<Record<string, Permission>> = {
  'repo:admin': 'admin',
  'repo:write': 'write',
  'repo:read': 'read',
  'repo:public_read': 'read',
};
const Scope = v.picklist(Object.keys(PERMISSIONS), 'must be repo:admin, repo:write or repo:read');
const Time = v.pipe(
  v.string(),
  v.isoTimestamp('must be a time like 2030-01-31T12:00:00Z'),
  v.transform(text => Date.parse(text)),
);
const NewToken = v.object({
  token_label: v.string(),
  scopes: v.pipe(v.array(Scope), v.minLength(1, 'must have one, such as repo:read')),
  expires_at: v.nullish(Time),
});
const Change = v.object({ token_label: v.nullish(v.string()), is_active: v.nullish(v.boolean()) });

/** Access tokens. None of them can make another, or it would outlive its own removal. */
export function accessTokenRoutes(deps: ApiDeps): Route[] {
  const { accessTokens } = deps.services;
  const tokens = '/v2/access-tokens';
  const find = (viewer: Viewer, id: string): AccessToken => {
    const token = accessTokens.list(viewer).find(other => other.id === id);
    if (token) return token;
    throw new EngineError('notFound', `no such access token: ${id.slice(0, 50)}`);
  };
  const input = { isPasswordOnly: true };
  return [
    ...apiRoute(deps, ['GET', tokens], input, ({ viewer }) => {
      const results = accessTokens.list(viewer).map(token => wireAccessToken(token));
      const { length: count } = results;
      return reply.json({ count, next: null, previous: null, active_count: count, results });
    }),
    ...apiRoute(deps, ['POST', tokens], { ...input, body: NewToken }, ({ viewer, body }) => {
      const { token, secret } = accessTokens.create(viewer, {
        label: body.token_label,
        permission: most(body.scopes),
        ...(typeof body.expires_at === 'number' && { expiresAt: body.expires_at }),
      });
      const answer = reply.created(wireAccessToken(token, secret));
      return { ...answer, headers: { ...answer.headers, 'Cache-Control': 'no-store' } };
    }),
    ...apiRoute(deps, ['GET', `${tokens}/{id}`], input, ({ viewer, param }) =>
      reply.json(wireAccessToken(find(viewer, param('id')))),
    ),
    ...apiRoute(deps, ['PATCH', `${tokens}/{id}`], { ...input, body: Change }, ({ viewer, param, body }) => {
      if (body.is_active === false) {
        throw new EngineError('notImplemented', 'an access token cannot be put to sleep; remove it');
      }
      const label = body.token_label ?? find(viewer, param('id')).label;
      return reply.json(wireAccessToken(accessTokens.rename(viewer, param('id'), label)));
    }),
    ...apiRoute(deps, ['DELETE', `${tokens}/{id}`], input, ({ viewer, param }) => {
      accessTokens.revoke(viewer, param('id'));
      return reply.noContent();
    }),
  ];
}

function most(scopes: readonly string[]): Permission {
  const permissions = scopes.map(scope => PERMISSIONS[scope]);
  return (['admin', 'write'] as const).find(permission => permissions.includes(permission)) ?? 'read';
}
