import { SingleFlight } from '#base/single-flight';
import type { AddressClass } from '#sys/address-guard';
import { basicAuth, type Credentials, fingerprint, hasPassword } from './credentials.ts';
import { noBasicCredentials } from './errors.ts';
import type { HttpClient } from './http-client.ts';
import type { TlsSettings } from './tls-settings.ts';
import { fetchToken, type Token } from './token-request.ts';
import type { Challenge } from './www-authenticate.ts';

/** Who wants what of which registry. */
export interface AuthContext {
  /** scheme, host and port of the registry */
  readonly origin: string;
  readonly address: AddressClass;
  readonly credentials: Credentials;
  /** what the token must allow: `repository:library/busybox:pull` */
  readonly scopes: readonly string[];
  readonly authHosts?: readonly string[] | undefined;
  readonly tlsOf: (url: URL) => TlsSettings;
  readonly signal?: AbortSignal | undefined;
}

/** What a registry asked for, and where it was then: it names a token server, which may be no nearer than itself. */
interface Learned {
  readonly challenge: Challenge;
  readonly address: AddressClass;
}

interface CachedToken {
  readonly value: string;
  readonly expiresAt: number;
}

export interface AuthenticatorDeps {
  readonly http: Pick<HttpClient, 'send'>;
  /** milliseconds since 1970 */
  readonly now: () => number;
}

const MOST_ENTRIES = 500;
/** A token is not used in its last seconds: it has to last until the registry has looked at it. */
const MARGIN_MS = 10_000;

/**
 * Headers that convince registries. What a registry asked for is remembered, so that only the first request to it is
 * refused; tokens are kept per registry, scopes and user until they expire.
 */
export class Authenticator {
  readonly #deps: AuthenticatorDeps;
  /** what a registry asks of whom */
  readonly #challenges = new Map<string, Learned>();
  readonly #tokens = new Map<string, CachedToken>();
  readonly #flights = new SingleFlight<Token>();

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
  }

  /** The header for a request; `undefined` when nothing is known to be needed. */
  async authorization(context: AuthContext): Promise<string | undefined> {
    const { registryToken = '' } = context.credentials;
    if (registryToken !== '') return `Bearer ${registryToken}`;
    const learned = this.#challenges.get(context.origin);
    if (!learned) return undefined;
    const { challenge, address } = learned;
    if (challenge.scheme === 'basic') {
      return hasPassword(context.credentials) ? basicAuth(context.credentials) : undefined;
    }
    return `Bearer ${await this.#token(challenge, { ...context, address })}`;
  }

  /**
   * The header for another attempt after a refusal; `undefined` when there is nothing left to try.
   *
   * @param refusedHeader what the refused request carried
   * @throws {EngineError} `unauthorized` when nobody is logged in, and when the token server says no.
   */
  async answer(
    offered: readonly Challenge[],
    context: AuthContext,
    refusedHeader: string | undefined,
  ): Promise<string | undefined> {
    const { credentials } = context;
    if ((credentials.registryToken ?? '') !== '') return undefined;
    const challenge = this.learn(context, offered);
    if (!challenge) return undefined;
    if (challenge.scheme === 'basic') {
      if (!hasPassword(credentials)) throw noBasicCredentials();
      const header = basicAuth(credentials);
      return header === refusedHeader ? undefined : header;
    }
    const key = tokenKey(challenge, context);
    const known = this.#tokens.get(key);
    if (known && `Bearer ${known.value}` === refusedHeader) this.#tokens.delete(key);
    return `Bearer ${await this.#token(challenge, context)}`;
  }

  /** A header made anew, for a login: nothing that is remembered vouches for a password. */
  async prove(
    offered: readonly Challenge[],
    context: AuthContext,
  ): Promise<{ readonly header: string; readonly refreshToken?: string } | undefined> {
    const challenge = this.learn(context, offered);
    if (!challenge) return undefined;
    if (challenge.scheme === 'basic') {
      if (!hasPassword(context.credentials)) throw noBasicCredentials();
      return { header: basicAuth(context.credentials) };
    }
    const request = { ...tokenRequest(challenge, context), isLogin: true, signal: context.signal };
    const { value, refreshToken } = await fetchToken(this.#deps.http, request);
    return { header: `Bearer ${value}`, ...(refreshToken === undefined ? {} : { refreshToken }) };
  }

  /** Remembers what a registry asks for, so that the next request brings it at once. */
  learn(
    { origin, address }: Pick<AuthContext, 'origin' | 'address'>,
    offered: readonly Challenge[],
  ): Challenge | undefined {
    const challenge = offered.find(isTokenAuthentication) ?? offered.find(({ scheme }) => scheme === 'basic');
    if (challenge) remember(this.#challenges, origin, { challenge, address });
    return challenge;
  }

  async #token(challenge: Challenge, context: AuthContext): Promise<string> {
    const key = tokenKey(challenge, context);
    const known = this.#tokens.get(key);
    if (known && known.expiresAt > this.#deps.now()) return known.value;
    const { signal } = context;
    const token = await this.#flights.run(
      key,
      flightSignal =>
        fetchToken(this.#deps.http, { ...tokenRequest(challenge, context), signal: flightSignal }),
      signal ? { signal } : {},
    );
    remember(this.#tokens, key, {
      value: token.value,
      expiresAt: this.#deps.now() + token.lifeMs - MARGIN_MS,
    });
    return token.value;
  }
}

function tokenRequest({ parameters }: Challenge, context: AuthContext) {
  return {
    realm: parameters.get('realm') ?? '',
    service: parameters.get('service') ?? '',
    scopes: context.scopes,
    credentials: context.credentials,
    registry: { origin: context.origin, address: context.address },
    authHosts: context.authHosts,
    tlsOf: context.tlsOf,
  };
}

function tokenKey({ parameters }: Challenge, { origin, scopes, credentials }: AuthContext): string {
  return JSON.stringify([
    origin,
    parameters.get('realm'),
    parameters.get('service'),
    scopes,
    fingerprint(credentials),
  ]);
}

/** The oldest goes when there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MOST_ENTRIES) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** Other uses of `Bearer` name a realm that is no address (RFC 6750): nothing can be asked for there. */
function isTokenAuthentication({ scheme, parameters }: Challenge): boolean {
  return scheme === 'bearer' && URL.canParse(parameters.get('realm') ?? '');
}
