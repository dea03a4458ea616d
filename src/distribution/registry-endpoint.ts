import type { Readable } from 'node:stream';
import { sleep, throwIfAborted } from '#base/abortable';
import type { Logger } from '#base/logger';
import type { AddressClass } from './address-guard.ts';
import type { Authenticator } from './authenticator.ts';
import { type BackOff, delayMs, retryAfterMs } from './back-off.ts';
import { ANONYMOUS, type Credentials } from './credentials.ts';
import { redirectRefused } from './errors.ts';
import type { HttpClient, HttpResponse } from './http-client.ts';
import { type RateLimit, rateLimitOf } from './rate-limit.ts';
import type { Source } from './registry-rules.ts';
import type { TlsSettings } from './tls-settings.ts';
import { isNotTls, isRefusal, isTransient, transportError } from './transport-error.ts';
import { parseChallenges } from './www-authenticate.ts';

export interface EndpointDeps {
  readonly http: HttpClient;
  readonly auth: Authenticator;
  readonly tlsOf: (host: string, source?: Source) => TlsSettings;
  readonly backOff: BackOff;
  readonly now: () => number;
  readonly logger: Logger;
  /** how a host was last reached; shared by all endpoints */
  readonly reached: Map<string, Reached>;
}

export interface Reached {
  readonly scheme: 'http' | 'https';
  readonly address: AddressClass;
}

export interface EndpointRequest {
  readonly method: string;
  /** below the registry, `/v2/…`; or a URL it gave for going on */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** called for each attempt */
  readonly body?: () => Buffer | Readable;
  /** what a token must allow: `repository:library/busybox:pull` */
  readonly scopes: readonly string[];
  /** Default: as the back-off says. 1: the caller has its own way to try again. */
  readonly attempts?: number;
  readonly signal?: AbortSignal | undefined;
}

const MOST_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
/** 408, 425 and 429: try again later; the rest are servers in trouble. */
const TRANSIENT_STATUSES = [408, 425, 429, 500, 502, 503, 504];

/** Requests to one source: schemes, redirects, authorization, and further attempts. */
export class RegistryEndpoint {
  readonly source: Source;
  readonly #deps: EndpointDeps;
  readonly #credentials: Credentials;
  #rateLimit: RateLimit | undefined;

  constructor(source: Source, credentials: Credentials, deps: EndpointDeps) {
    this.source = source;
    this.#deps = deps;
    this.#credentials = source.takesCredentials ? credentials : ANONYMOUS;
  }

  get rateLimit(): RateLimit | undefined {
    return this.#rateLimit;
  }

  /**
   * Sends a request, again where that may help; the answer may have any status. A body is read or discarded by the caller.
   *
   * @throws {EngineError} `unavailable`, `unauthorized`, `forbidden`, `cancelled`.
   */
  async send(request: EndpointRequest): Promise<HttpResponse> {
    const backOff = { ...this.#deps.backOff, ...(request.attempts ? { attempts: request.attempts } : {}) };
    for (let failures = 1; ; failures += 1) {
      let asked = 0;
      let failure: unknown;
      try {
        const response = await this.#authorized(request);
        this.#rateLimit = rateLimitOf(response.headers) ?? this.#rateLimit;
        if (!TRANSIENT_STATUSES.includes(response.status)) return response;
        asked = retryAfterMs(response.headers['retry-after'], this.#deps.now());
        if (delayMs(backOff, failures, asked) === undefined) return response;
        response.discard();
        failure = `status ${response.status}`;
      } catch (error) {
        throwIfAborted(request.signal);
        if (!isTransient(causeOf(error)) || failures >= backOff.attempts) throw error;
        failure = error;
      }
      const delay = delayMs(backOff, failures, asked) ?? 0;
      this.#deps.logger.debug('the registry is asked again', { host: this.source.host, delay, failure });
      await sleep(delay, request.signal ? { signal: request.signal } : {});
    }
  }

  /** A URL that the registry gave, such as where an upload goes on; made absolute. @throws {EngineError} `invalid`. */
  async #authorized(request: EndpointRequest): Promise<HttpResponse> {
    const response = await this.#reach(request);
    if (response.status !== 401) return response;
    const reached = this.#deps.reached.get(this.source.host);
    if (!reached || !this.#isOwn(response.url, reached)) return response;
    const challenges = parseChallenges(response.headers['www-authenticate']);
    const context = this.#context(request, reached);
    const refusedHeader = await this.#lastHeader(request, reached);
    const header = await this.#deps.auth.answer(challenges, context, refusedHeader);
    if (header === undefined) return response;
    response.discard();
    return await this.#follow(request, reached, header);
  }

  async #lastHeader(request: EndpointRequest, reached: Reached): Promise<string | undefined> {
    return await this.#deps.auth.authorization(this.#context(request, reached)).catch(() => undefined);
  }

  /** Finds out how the registry is to be reached when that is not known. */
  async #reach(request: EndpointRequest): Promise<HttpResponse> {
    const { host, schemes } = this.source;
    const known = this.#deps.reached.get(host);
    if (known && schemes.includes(known.scheme)) {
      const header = await this.#deps.auth.authorization(this.#context(request, known));
      return await this.#follow(request, known, header);
    }
    let failure: unknown;
    for (const scheme of schemes) {
      try {
        return await this.#first(request, scheme);
      } catch (error) {
        throwIfAborted(request.signal);
        failure = error;
        const cause = causeOf(error);
        if (!isNotTls(cause) && !isRefusal(cause) && !isTransient(cause)) throw error;
      }
    }
    throw failure;
  }

  /** The first request to a registry carries no secret: who is there is seen by its answer. */
  async #first(request: EndpointRequest, scheme: Reached['scheme']): Promise<HttpResponse> {
    const { host } = this.source;
    const url = new URL(`${scheme}://${host}/v2/`);
    const probe = await this.#deps.http
      .send({ method: 'GET', url, headers: {}, tls: this.#tls(url), signal: request.signal })
      .catch((error: unknown) => {
        throw transportError(error, 'GET', url);
      });
    probe.discard();
    const reached: Reached = { scheme, address: probe.address };
    this.#deps.reached.set(host, reached);
    const header =
      probe.status === 401
        ? await this.#deps.auth.answer(
            parseChallenges(probe.headers['www-authenticate']),
            this.#context(request, reached),
            undefined,
          )
        : undefined;
    return await this.#follow(request, reached, header);
  }

  /** Follows redirects of what only reads; the authorization goes to the registry alone. */
  async #follow(
    request: EndpointRequest,
    reached: Reached,
    authorization: string | undefined,
  ): Promise<HttpResponse> {
    const isReading = request.method === 'GET' || request.method === 'HEAD';
    let url = new URL(request.target, `${reached.scheme}://${this.source.host}`);
    for (let redirects = 0; ; redirects += 1) {
      const response = await this.#send(request, { url, reached, authorization });
      const location = response.headers.location;
      if (!isReading || !REDIRECTS.includes(response.status) || location === undefined) return response;
      response.discard();
      url = nextUrl(url, location, redirects);
    }
  }

  async #send(
    { method, headers, body, signal }: EndpointRequest,
    {
      url,
      reached,
      authorization,
    }: { readonly url: URL; readonly reached: Reached; readonly authorization: string | undefined },
  ): Promise<HttpResponse> {
    const isOwn = this.#isOwn(url, reached);
    try {
      return await this.#deps.http.send({
        method,
        url,
        headers: { ...headers, ...(isOwn && authorization !== undefined ? { authorization } : {}) },
        ...(body ? { body: body() } : {}),
        tls: this.#tls(url),
        namedBy: isOwn ? undefined : reached.address,
        signal,
      });
    } catch (error) {
      throwIfAborted(signal);
      if (isOwn && isRefusal(error)) this.#deps.reached.delete(this.source.host);
      throw transportError(error, method, url);
    }
  }

  #isOwn(url: URL, { scheme }: Reached): boolean {
    return url.origin === new URL(`${scheme}://${this.source.host}`).origin;
  }

  #tls(url: URL): TlsSettings {
    return this.#deps.tlsOf(url.host, url.host === this.source.host ? this.source : undefined);
  }

  #context({ scopes, signal }: EndpointRequest, { scheme, address }: Reached) {
    return {
      origin: new URL(`${scheme}://${this.source.host}`).origin,
      address,
      credentials: this.#credentials,
      scopes,
      authHosts: this.source.authHosts,
      tlsOf: (url: URL) => this.#tls(url),
      signal,
    };
  }
}

/** @throws {EngineError} `forbidden` for a redirect that must not be followed. */
function nextUrl(from: URL, location: string, redirects: number): URL {
  if (!URL.canParse(location, from.href)) throw redirectRefused(from.host, 'a place', 'it is not a URL');
  const url = new URL(location, from);
  if (redirects >= MOST_REDIRECTS) throw redirectRefused(from.host, url.host, 'too many redirects');
  if (!/^https?:$/.test(url.protocol)) throw redirectRefused(from.host, url.protocol, 'it is not http');
  if (url.username !== '' || url.password !== '') {
    throw redirectRefused(from.host, url.host, 'its URL holds credentials');
  }
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    throw redirectRefused(from.host, url.host, 'it leaves https for http');
  }
  return url;
}

/** The error of the connection below an error for people. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}
