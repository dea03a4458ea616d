import { randomUUID } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import * as v from 'valibot';
import type { RepositoryAction } from '#registry/access-control';
import type { Identity } from './identity.ts';
import type { SigningKey } from './signing-key.ts';

/** What a token allows in a repository, in the words of the distribution project's token specification. */
export interface Access {
  readonly type: 'repository';
  readonly name: string;
  readonly actions: readonly RepositoryAction[];
}

export interface SignedTokensDeps {
  readonly key: SigningKey;
  /** the hub's public URL */
  readonly issuer: string;
  readonly service: string;
  /** milliseconds since 1970 */
  readonly now: () => number;
}

export interface SignedToken {
  readonly value: string;
  readonly issuedAt: number;
  readonly lifeSeconds: number;
}

/** `undefined`: of nobody in particular */
export type MaybeIdentity = Identity | undefined;

const ALGORITHM = 'ES256';
const REGISTRY_SECONDS = 300;
const MAX_LENGTH = 16 * 1024;

const IdentityClaims = v.object({
  sub: v.string(),
  epoch: v.pipe(v.number(), v.integer()),
  cap: v.picklist(['read', 'write', 'admin']),
  tid: v.optional(v.string()),
});
const RegistryClaims = v.object({
  access: v.array(
    v.object({
      type: v.literal('repository'),
      name: v.string(),
      actions: v.array(v.picklist(['pull', 'push', 'delete'])),
    }),
  ),
});

/**
 * Tokens that say themselves what they are for, signed by this server (JWT). Two kinds with an audience each, so that neither is
 * taken for the other: those for the registry, and those for the API.
 */
export class SignedTokens {
  readonly #deps: SignedTokensDeps;

  constructor(deps: SignedTokensDeps) {
    this.#deps = deps;
  }

  async forRegistry(identity: MaybeIdentity, access: readonly Access[]): Promise<SignedToken> {
    return await this.#sign(identity, { access }, this.#deps.service, REGISTRY_SECONDS);
  }

  async forApi(identity: Identity, lifeSeconds: number): Promise<SignedToken> {
    return await this.#sign(identity, {}, this.#apiAudience, lifeSeconds);
  }

  /** What a token for the registry says, or `undefined` for one that is not ours, not for it, or has expired. */
  async fromRegistry(
    token: string,
  ): Promise<{ readonly identity: MaybeIdentity; readonly access: readonly Access[] } | undefined> {
    const payload = await this.#verify(token, this.#deps.service);
    const claims = v.safeParse(RegistryClaims, payload);
    if (!payload || !claims.success) return undefined;
    const { access } = claims.output;
    if (payload.sub === undefined) return { identity: undefined, access };
    const identity = identityOf(payload);
    return identity && { identity, access };
  }

  /** Who a token for the API is of, or `undefined`. */
  async fromApi(token: string): Promise<MaybeIdentity> {
    const payload = await this.#verify(token, this.#apiAudience);
    return payload && identityOf(payload);
  }

  get #apiAudience(): string {
    return `${this.#deps.service}/api`;
  }

  async #sign(
    identity: MaybeIdentity,
    claims: JWTPayload,
    audience: string,
    lifeSeconds: number,
  ): Promise<SignedToken> {
    const { key, issuer, now } = this.#deps;
    const issuedAt = Math.floor(now() / 1000);
    const jwt = new SignJWT({
      ...claims,
      ...(identity && { epoch: identity.epoch, cap: identity.permission }),
      ...(identity?.tokenId !== undefined && { tid: identity.tokenId }),
    })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + lifeSeconds)
      .setJti(randomUUID());
    if (identity) jwt.setSubject(identity.account);
    return { value: await jwt.sign(key.privateKey), issuedAt: issuedAt * 1000, lifeSeconds };
  }

  /** The algorithm is ours to say, not the token's. */
  async #verify(token: string, audience: string): Promise<JWTPayload | undefined> {
    if (token.length > MAX_LENGTH) return undefined;
    const { key, issuer, now } = this.#deps;
    try {
      const { payload } = await jwtVerify(token, key.publicKey, {
        algorithms: [ALGORITHM],
        typ: 'JWT',
        issuer,
        audience,
        currentDate: new Date(now()),
        requiredClaims: ['exp', 'nbf', 'iat', 'jti'],
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }
}

function identityOf(payload: JWTPayload): MaybeIdentity {
  const claims = v.safeParse(IdentityClaims, payload);
  if (!claims.success) return undefined;
  const { sub, epoch, cap, tid } = claims.output;
  return { account: sub, epoch, permission: cap, tokenId: tid };
}
