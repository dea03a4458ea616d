import { EngineError } from '#base/errors';
import type { RawRequest } from '#http/route';
import { addressOf, parseAuthorization } from '../client-credentials.ts';
import { forbidden, signInFirst } from '../errors.ts';
import type { Permission } from '../hub-records.ts';
import type { Authenticated, Viewer } from '../hub-services.ts';
import type { Identities } from '../identity.ts';
import { type AnonymousAccess, includes } from '../rights.ts';
import type { SignIn } from '../sign-in.ts';
import type { SignedTokens } from '../signed-tokens.ts';

export interface ApiDoorDeps {
  readonly signIn: SignIn;
  readonly identities: Identities;
  readonly signedTokens: SignedTokens;
  readonly anonymous: AnonymousAccess;
  readonly isBehindProxy: boolean;
}

/** How far a caller has to reach, besides what its account may. */
export interface ApiNeed {
  /** the least that an access token must be allowed */
  readonly permission: Permission;
  /** whether an access token is not enough: what it could change would outlive it */
  readonly isPasswordOnly: boolean;
  /** whether it is there for callers without an account where nothing else is */
  readonly isOpen: boolean;
  /** whether tokens of the registry count, too: clients of both know no other */
  readonly takesRegistryTokens: boolean;
}

/**
 * Who calls the API: by a token of `/v2/auth/token`, or by name with password or access token. Cookies count for nothing here, so
 * that no page of somebody else can use those of a browser.
 */
export class ApiDoor {
  readonly #deps: ApiDoorDeps;

  constructor(deps: ApiDoorDeps) {
    this.#deps = deps;
  }

  /** @throws {EngineError} `unauthorized`, `forbidden`; `unavailable` after too many wrong passwords. */
  async admit(request: RawRequest, need: ApiNeed): Promise<Viewer> {
    const who = await this.#who(request, need);
    if (!who) {
      if (this.#deps.anonymous === 'none' && !need.isOpen) throw signInFirst('use this hub');
      return undefined;
    }
    if (!includes(who.permission, need.permission)) {
      throw forbidden(
        `the access token of ${who.account.name} may only ${who.permission}; this takes ${need.permission}`,
      );
    }
    if (need.isPasswordOnly && who.tokenId !== undefined) {
      throw forbidden('an access token cannot do this; sign in with the password');
    }
    return who.account;
  }

  /** The address that wrong passwords are counted by. */
  addressOf(request: RawRequest): string {
    return addressOf(request, this.#deps);
  }

  async #who(request: RawRequest, need: ApiNeed): Promise<Authenticated | undefined> {
    const { authorization } = request.headers;
    if (authorization === undefined) return undefined;
    const credentials = parseAuthorization(authorization);
    switch (credentials.scheme) {
      case 'basic':
        return await this.#deps.signIn.authenticate(
          credentials.name,
          credentials.secret,
          this.addressOf(request),
        );
      case 'bearer':
        return await this.#byToken(credentials.token, need);
      case 'unknown':
        throw new EngineError('unauthorized', 'the Authorization header must say Bearer or Basic');
    }
  }

  async #byToken(token: string, { takesRegistryTokens }: ApiNeed): Promise<Authenticated | undefined> {
    const { signedTokens, identities } = this.#deps;
    const said = takesRegistryTokens ? await signedTokens.fromRegistry(token) : undefined;
    if (said && !said.identity) return undefined;
    const identity = said?.identity ?? (await signedTokens.fromApi(token));
    const who = identity && identities.current(identity);
    if (who) return who;
    throw new EngineError('unauthorized', 'the token is not valid, or not any more; get another one');
  }
}
