import * as v from 'valibot';
import { readJsonBody } from '#http/json-body';
import { type BytesReply, reply } from '#http/reply';
import type { RawRequest, Route } from '#http/route';
import { signInFirst } from '../errors.ts';
import type { Identities } from '../identity.ts';
import type { SignedTokens } from '../signed-tokens.ts';
import { type ApiDeps, apiFailure, apiRoute, MAX_BODY_BYTES } from './api-route.ts';
import { wireAccount } from './api-wire.ts';

export interface SignInRoutesDeps extends ApiDeps {
  readonly identities: Identities;
  readonly signedTokens: SignedTokens;
}

const LOGIN_SECONDS = 3600;
const TOKEN_SECONDS = 600;

const Login = v.object({ username: v.string(), password: v.string() });
const Token = v.object({ identifier: v.string(), secret: v.string() });

/** Signing in to the API, as Docker Hub has it: the older way, and the one with access tokens. */
export function signInRoutes(deps: SignInRoutesDeps): Route[] {
  const { services, door, identities, signedTokens } = deps;
  const signIn = (raw: RawRequest, lifeSeconds: number) => async (name: string, secret: string) => {
    const who = await services.accounts.authenticate(name, secret, { address: door.addressOf(raw) });
    return (await signedTokens.forApi(identities.of(who), lifeSeconds)).value;
  };
  const posted = (pattern: string, work: (raw: RawRequest, json: unknown) => Promise<object>): Route[] => {
    const handle = async (raw: RawRequest): Promise<BytesReply> => {
      try {
        const answer = reply.json(
          await work(raw, await readJsonBody(raw.bytes, raw.headers, { maxBytes: MAX_BODY_BYTES })),
        );
        return { ...answer, headers: { ...answer.headers, 'Cache-Control': 'no-store' } };
      } catch (error) {
        if (raw.signal.aborted) throw error;
        return apiFailure(error, deps);
      }
    };
    const route = { method: 'POST', takesJson: false, takesOver: false, handle };
    return [pattern, `${pattern}/`].map(text => ({ ...route, pattern: text }));
  };
  return [
    ...posted('/v2/users/login', async (raw, json) => {
      const { username, password } = v.parse(Login, json);
      return { token: await signIn(raw, LOGIN_SECONDS)(username, password) };
    }),
    ...posted('/v2/auth/token', async (raw, json) => {
      const { identifier, secret } = v.parse(Token, json);
      return { access_token: await signIn(raw, TOKEN_SECONDS)(identifier, secret) };
    }),
    ...apiRoute(deps, ['GET', '/v2/user'], { isOpen: true }, ({ viewer }) => {
      if (!viewer) throw signInFirst('see your account');
      return reply.json({ ...wireAccount(viewer), is_admin: viewer.isAdmin });
    }),
  ];
}
