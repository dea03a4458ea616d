import { EngineError, isKind } from '#base/errors';
import type { AccessControl, Caller, RepositoryAction, Want } from '#registry/access-control';
import { RegistryError } from '#registry/errors';
import type { AccountTable } from './account-table.ts';
import { parseAuthorization } from './client-credentials.ts';
import type { Permission } from './hub-records.ts';
import type { Authenticated } from './hub-services.ts';
import type { Identities } from './identity.ts';
import { capped, includes, type Rights } from './rights.ts';
import type { SignIn } from './sign-in.ts';
import type { SignedTokens } from './signed-tokens.ts';
import { scopeText } from './token-scope.ts';

export interface HubAccessControlDeps {
  readonly accounts: AccountTable;
  readonly rights: Rights;
  readonly signIn: SignIn;
  readonly identities: Identities;
  readonly signedTokens: SignedTokens;
  readonly publicUrl: string;
  readonly service: string;
}

export const NEEDED: Readonly<Record<RepositoryAction, Permission>> = {
  pull: 'read',
  push: 'write',
  delete: 'admin',
};

/** What a request brought along, checked. */
interface Brought {
  /** `undefined`: nobody in particular */
  readonly who: Authenticated | undefined;
  /** what a token says that it is for; absent: everything its owner may do */
  readonly scope?: (want: Want) => boolean;
  readonly hasToken: boolean;
}

/** `not_signed_in`: the scope of nobody, who is told so */
type ChallengeError = 'invalid_token' | 'insufficient_scope' | 'not_signed_in';

/**
 * Lets requests into the registry: with a token of ours, with a name and a password or an access token, or without anything
 * where everybody may. What a token says has to hold still: rights are looked up for every request.
 */
export class HubAccessControl implements AccessControl {
  readonly #deps: HubAccessControlDeps;

  constructor(deps: HubAccessControlDeps) {
    this.#deps = deps;
  }

  async admit(
    authorization: string | undefined,
    want: Want | undefined,
    from?: { readonly address: string | undefined },
  ): Promise<Caller> {
    const brought = await this.#brought(authorization, want, from?.address);
    const caller: Caller = brought.who ? { account: brought.who.account.name } : {};
    if (want === undefined) {
      // Clients learn from this where to sign in.
      if (!brought.hasToken && !brought.who) throw this.#unauthorized(undefined);
      return caller;
    }
    if (!this.#isAllowed(brought.who, want)) throw this.#refusal(brought, want);
    if (brought.scope && !brought.scope(want)) throw this.#unauthorized(want, 'insufficient_scope');
    return caller;
  }

  maySee({ account }: Caller, repository: string): boolean {
    const { accounts, rights } = this.#deps;
    const viewer = account === undefined ? undefined : accounts.find(account);
    return rights.permission(viewer, repository) !== undefined;
  }

  async #brought(
    authorization: string | undefined,
    want: Want | undefined,
    address: string | undefined,
  ): Promise<Brought> {
    if (authorization === undefined) return { who: undefined, hasToken: false };
    const credentials = parseAuthorization(authorization);
    switch (credentials.scheme) {
      case 'bearer':
        return await this.#byToken(credentials.token, want);
      case 'basic':
        return { who: await this.#byPassword(credentials, want, address), hasToken: false };
      case 'unknown':
        throw this.#unauthorized(want);
    }
  }

  async #byToken(token: string, want: Want | undefined): Promise<Brought> {
    const { signedTokens, identities } = this.#deps;
    const said = await signedTokens.fromRegistry(token);
    if (!said) throw this.#unauthorized(want, 'invalid_token');
    const who = said.identity && identities.current(said.identity);
    if (said.identity && !who) throw this.#unauthorized(want, 'invalid_token');
    const scope = ({ repository, actions }: Want): boolean => {
      const granted = said.access.filter(({ name }) => name === repository).flatMap(entry => entry.actions);
      return actions.every(action => granted.includes(action));
    };
    return { who, scope, hasToken: true };
  }

  async #byPassword(
    { name, secret }: { readonly name: string; readonly secret: string },
    want: Want | undefined,
    address: string | undefined,
  ): Promise<Authenticated> {
    try {
      return await this.#deps.signIn.authenticate(name, secret, address ?? '');
    } catch (error) {
      if (isKind(error, 'unavailable')) throw new RegistryError('TOOMANYREQUESTS', error.message);
      if (!isKind(error, 'unauthorized')) throw error;
      throw this.#unauthorized(want, undefined, error.message);
    }
  }

  #isAllowed(who: Authenticated | undefined, { repository, actions }: Want): boolean {
    const permission = this.#deps.rights.permission(who?.account, repository);
    const most = who ? capped(permission, who.permission) : permission;
    return actions.every(action => includes(most, NEEDED[action]));
  }

  /** Other credentials help whoever has not signed in; whoever has is told what would. */
  #refusal({ who, hasToken }: Brought, want: Want): RegistryError {
    if (!who) return this.#unauthorized(want, hasToken ? 'not_signed_in' : undefined);
    return new RegistryError('DENIED', this.#reason(who, want));
  }

  /** The same for a private repository as for one that is not there. */
  #reason({ account, permission: cap }: Authenticated, { repository, actions }: Want): string {
    const { rights } = this.#deps;
    const permission = rights.permission(account, repository);
    if (actions.every(action => includes(permission, NEEDED[action]))) {
      return `the access token of ${account.name} may only ${cap}; use one that may do more`;
    }
    if (actions.includes('push')) return rights.whyNot(account, repository);
    if (permission === undefined) {
      return `there is no repository ${repository}, or ${account.name} may not see it`;
    }
    return `${account.name} may not delete in ${repository}; that takes the right to administer it`;
  }

  #unauthorized(
    want: Want | undefined,
    error?: ChallengeError,
    message = error === 'invalid_token' ? 'the token is not valid any more' : 'authentication required',
  ): RegistryError {
    const { publicUrl, service } = this.#deps;
    const parts = [`realm="${publicUrl}/token"`, `service="${quotable(service)}"`];
    if (want) parts.push(`scope="${quotable(scopeText(want))}"`);
    const isForNobody = error === 'not_signed_in';
    if (error) parts.push(`error="${isForNobody ? 'insufficient_scope' : error}"`);
    // Clients show it to people instead of what the code means.
    if (isForNobody) parts.push('error_description="sign in first (docker login)"');
    return new RegistryError('UNAUTHORIZED', message, {
      headers: { 'WWW-Authenticate': `Bearer ${parts.join(',')}` },
      ...(want && {
        detail: [{ Type: 'repository', Name: want.repository, Action: want.actions.join(',') }],
      }),
    });
  }
}

/** As part of a quoted string in a header: a name comes from a request. */
function quotable(text: string): string {
  return text.replace(/[^\x20-\x7e]|["\\]/g, '');
}

/** @throws {EngineError} `invalid` for what cannot be part of a challenge. */
export function checkPublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || /["\\\s]/.test(text)) {
    throw new EngineError(
      'invalid',
      `the public URL "${text}" must be an address like https://hub.example.com`,
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
