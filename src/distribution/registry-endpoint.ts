import type { Readable } from 'node:stream';
import { sleep, throwIfAborted } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import type { Logger } from '#base/logger';
import type { AddressClass } from '#sys/address-guard';
import type { Authenticator } from './authenticator.ts';
import { type BackOff, delayMs, retryAfterMs } from './back-off.ts';
import { ANONYMOUS, type Credentials } from './credentials.ts';
import { redirectRefused } from './errors.ts';
import type { HttpClient } from './http-client.ts';
import { BodyTooLargeError, type HttpResponse, HttpTimeoutError, readBody } from './http-message.ts';
import { type RateLimit, rateLimitOf } from './rate-limit.ts';
import type { Source } from './registry-rules.ts';
import type { TlsSettings } from './tls-settings.ts';
import { isNotTls, isRefusal, isTransient, transportError } from './transport-error.ts';
import { parseChallenges } from './www-authenticate.ts';

export interface EndpointDeps {
  readonly http: Pick<HttpClient, 'send'>;
  readonly auth: Authenticator;
  readonly tlsOf: (host: string, source?: Source) => TlsSettings;
  readonly backOff: BackOff;
  readonly now: () => number;
  readonly logger: Logger;
  /** how a host was last reached; shared by all endpoints */
  readonly reached: Map<string, Reached>;
  /** until when mirrors that did not answer are left alone */
  readonly resting: Map<string, number>;
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

/** An answer, and its body where it is one of success. */
export interface WholeAnswer {
  readonly response: HttpResponse;
  readonly bytes?: Buffer;
}

/** A small answer that is cut more often is given up. */
const MOST_CUTS = 3;
const REST_MS = 60_000;
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
    this.#refuseResting();
    // Where a mirror does not help, the registry does.
    const attempts = request.attempts ?? (this.source.isMirror ? 1 : this.#deps.backOff.attempts);
    const backOff = { ...this.#deps.backOff, attempts };
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
        if (!isTransient(causeOf(error)) || failures >= backOff.attempts) {
          if (isKind(error, 'unavailable')) this.#rest();
          throw error;
        }
        failure = error;
      }
      const delay = delayMs(backOff, failures, asked) ?? 0;
      this.#deps.logger.debug('the registry is asked again', { host: this.source.host, delay, failure });
      await sleep(delay, request.signal ? { signal: request.signal } : {});
    }
  }

  /**
   * The whole of a small answer; asked for again where the connection is cut in the middle of it. Without `bytes` when its status
   * is not 200: then the caller reads or discards the body.
   *
   * @throws {BodyTooLargeError} also.
   */
  async read(request: EndpointRequest, maxBytes: number): Promise<WholeAnswer> {
    for (let cuts = 1; ; cuts += 1) {
      const response = await this.send(request);
      if (response.status !== 200) return { response };
      try {
        return { response, bytes: await readBody(response, maxBytes) };
      } catch (error) {
        throwIfAborted(request.signal);
        if (error instanceof BodyTooLargeError) throw error;
        const isCut = isTransient(error) && !(error instanceof HttpTimeoutError);
        if (!isCut || this.source.isMirror || cuts > MOST_CUTS) {
          throw transportError(error, request.method, response.url);
        }
        this.#deps.logger.debug('an answer was cut, and is asked for again', {
          host: this.source.host,
          error,
        });
      }
    }
  }

  /** Where a path is, as far as it is known how the registry is reached: for errors. */
  urlOf(path: string): URL {
    const { host, schemes } = this.source;
    const scheme = this.#deps.reached.get(host)?.scheme ?? schemes[0] ?? 'https';
    return new URL(path, `${scheme}://${host}`);
  }

  /** A mirror that did not answer is not waited for again and again. */
  #rest(): void {
    const { host, isMirror } = this.source;
    if (isMirror) this.#deps.resting.set(host, this.#deps.now() + REST_MS);
  }

  #refuseResting(): void {
    const { host, isMirror } = this.source;
    if (!isMirror || (this.#deps.resting.get(host) ?? 0) <= this.#deps.now()) return;
    throw new EngineError('unavailable', `the mirror ${host} did not answer a moment ago`);
  }

  /** Proves the credentials; a refresh token comes along where the registry gives one. */
  async login(
    signal: AbortSignal | undefined,
  ): Promise<{ readonly response: HttpResponse; readonly refreshToken: string | undefined }> {
    const request: EndpointRequest = { method: 'GET', target: '/v2/', scopes: [], signal };
    const reached = await this.#reach(signal);
    const plain = await this.#follow(request, reached, undefined);
    if (plain.status !== 401) return { response: plain, refreshToken: undefined };
    const challenges = parseChallenges(plain.headers['www-authenticate']);
    const proof = await this.#deps.auth.prove(challenges, {
      ...this.#context(request, reached),
      address: plain.address,
    });
    if (!proof) return { response: plain, refreshToken: undefined };
    plain.discard();
    const response = await this.#follow(request, reached, proof.header);
    return { response, refreshToken: proof.refreshToken };
  }

  /** One attempt, and another with what a refusal asks for. */
  async #authorized(request: EndpointRequest): Promise<HttpResponse> {
    const reached = await this.#reach(request.signal);
    const context = this.#context(request, reached);
    const header = await this.#deps.auth.authorization(context);
    const response = await this.#follow(request, reached, header);
    if (response.status !== 401 || !this.#isOwn(response.url, reached)) return response;
    const challenges = parseChallenges(response.headers['www-authenticate']);
    const better = await this.#deps.auth.answer(
      challenges,
      { ...context, address: response.address },
      header,
    );
    if (better === undefined) return response;
    response.discard();
    return await this.#follow(request, reached, better);
  }

  /** How the registry is reached; found out by a request without any secret when that is not known. */
  async #reach(signal: AbortSignal | undefined): Promise<Reached> {
    const { host, schemes } = this.source;
    const known = this.#deps.reached.get(host);
    if (known && schemes.includes(known.scheme)) return known;
    let failure: unknown;
    for (const scheme of schemes) {
      try {
        const reached = await this.#probe(scheme, signal);
        if (reached) return reached;
        failure ??= new EngineError(
          'unavailable',
          `${host} takes no plain HTTP (status 400): it may speak https only`,
        );
      } catch (error) {
        throwIfAborted(signal);
        failure = error;
        const cause = causeOf(error);
        if (!isNotTls(cause) && !isRefusal(cause) && !isTransient(cause)) throw error;
      }
    }
    throw failure;
  }

  /** @returns nothing where plain HTTP is refused as a bad request, as servers of TLS do: no registry answers so by itself. */
  async #probe(scheme: Reached['scheme'], signal: AbortSignal | undefined): Promise<Reached | undefined> {
    const { host } = this.source;
    const url = new URL(`${scheme}://${host}/v2/`);
    const response = await this.#deps.http
      .send({ method: 'GET', url, headers: {}, tls: this.#tls(url), signal })
      .catch((error: unknown) => {
        throwIfAborted(signal);
        throw transportError(error, 'GET', url);
      });
    response.discard();
    if (scheme === 'http' && response.status === 400) return undefined;
    const reached: Reached = { scheme, address: response.address };
    this.#deps.reached.set(host, reached);
    if (response.status === 401) {
      const challenges = parseChallenges(response.headers['www-authenticate']);
      this.#deps.auth.learn({ origin: url.origin, address: response.address }, challenges);
    }
    return reached;
  }

  /**
   * Follows redirects of what only reads; the authorization goes to the registry alone. What a redirect may lead to depends on
   * where it came from: the registry's name may stand for another address by now.
   */
  async #follow(
    request: EndpointRequest,
    reached: Reached,
    authorization: string | undefined,
  ): Promise<HttpResponse> {
    const isReading = request.method === 'GET' || request.method === 'HEAD';
    let url = new URL(request.target, `${reached.scheme}://${this.source.host}`);
    let namedBy = reached.address;
    for (let redirects = 0; ; redirects += 1) {
      const response = await this.#send(request, { url, reached, authorization, namedBy });
      const location = response.headers.location;
      if (!isReading || !REDIRECTS.includes(response.status) || location === undefined) return response;
      response.discard();
      namedBy = response.address;
      url = nextUrl(url, location, redirects);
    }
  }

  async #send(
    { method, headers, body, signal }: EndpointRequest,
    { url, reached, authorization, namedBy }: Attempt,
  ): Promise<HttpResponse> {
    const isOwn = this.#isOwn(url, reached);
    try {
      return await this.#deps.http.send({
        method,
        url,
        headers: { ...headers, ...(isOwn && authorization !== undefined ? { authorization } : {}) },
        ...(body ? { body: body() } : {}),
        tls: this.#tls(url),
        namedBy: isOwn ? undefined : namedBy,
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

interface Attempt {
  readonly url: URL;
  readonly reached: Reached;
  readonly authorization: string | undefined;
  /** where the server is that named the URL */
  readonly namedBy: AddressClass;
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
