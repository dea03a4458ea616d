import type { Agent as HttpAgent } from 'node:http';
import { isIP } from 'node:net';
import { orAborted, throwIfAborted } from '#base/abortable';
import { Agent } from '#base/node-http';
import { classOf, ForbiddenAddressError, guardedLookup, mayLeadTo } from '#sys/address-guard';
import {
  DEFAULT_LIMITS,
  type HttpLimits,
  type HttpRequest,
  type HttpResponse,
  HttpTimeoutError,
  IDLE_MS,
} from './http-message.ts';
import { sendHttp1 } from './http1-request.ts';
import { Http2Origin } from './http2-origin.ts';
import { Http2CutError, Http2Exchange } from './http2-request.ts';
import { type ProxySettings, proxyFor } from './proxy-settings.ts';
import { hostOf, TlsAgent } from './tls-agent.ts';

export interface HttpClientDeps {
  readonly proxies: ProxySettings;
  readonly limits?: Partial<HttpLimits>;
  readonly userAgent: string;
  /** HTTP/2 with servers that offer it; default true */
  readonly http2?: boolean;
}

/** What requests share that may use the same connections. */
interface Route {
  readonly agent: HttpAgent;
  /** by `https://host:port`; none for plain HTTP */
  readonly origins: Map<string, Http2Origin>;
}

const MOST_ROUTES = 100;
const MOST_ORIGINS = 100;

/** One HTTP request at a time over connections that are kept: proxies, TLS, and a bound for every wait. */
export class HttpClient implements Disposable {
  readonly #deps: HttpClientDeps;
  readonly #limits: HttpLimits;
  readonly #routes = new Map<string, Route>();

  constructor(deps: HttpClientDeps) {
    this.#deps = deps;
    this.#limits = { ...DEFAULT_LIMITS, ...deps.limits };
  }

  /** Sends one request; follows no redirect. @throws errors of Node, {@link HttpTimeoutError}, or when the signal fires. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const { url, signal } = request;
    throwIfAborted(signal);
    const proxy = proxyFor(url, this.#deps.proxies);
    refuseForbidden(request);
    const route = this.#route(request, proxy);
    const isProxied = proxy !== undefined;
    const { userAgent } = this.#deps;
    const origin = this.#origin(route, url);
    if (origin) {
      const exchange = await this.#begin(origin, request);
      try {
        if (exchange) return await exchange.answer(this.#limits, isProxied);
      } catch (error) {
        if (error instanceof Http2CutError && error.wantsHttp1) origin.giveUp();
        throw error;
      }
    }
    return await sendHttp1(request, { agent: route.agent, limits: this.#limits, userAgent, isProxied });
  }

  [Symbol.dispose](): void {
    for (const route of this.#routes.values()) dispose(route);
    this.#routes.clear();
  }

  /** `undefined`: the server speaks HTTP/1.1. */
  async #begin(origin: Http2Origin, request: HttpRequest): Promise<Http2Exchange | undefined> {
    const { connectMs } = this.#limits;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), connectMs);
    const signal = request.signal ? AbortSignal.any([late.signal, request.signal]) : late.signal;
    try {
      const begun = origin.begin(signal, found => new Http2Exchange(found, request, this.#deps.userAgent));
      return await orAborted(begun, signal);
    } catch (error) {
      throwIfAborted(request.signal);
      if (late.signal.aborted) throw new HttpTimeoutError(`no connection within ${connectMs / 1000} s`);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Connections are shared only among requests with the same certificates, proxy, and right to go where they go. */
  #route({ url, tls, namedBy }: HttpRequest, proxy: string | undefined): Route {
    const isTls = url.protocol === 'https:';
    const key = JSON.stringify([isTls ? tls.key : 'plain', proxy ?? '', namedBy ?? '']);
    const known = this.#routes.get(key);
    if (known) return known;
    if (this.#routes.size >= MOST_ROUTES) this.#forgetIdle();
    const options = {
      keepAlive: true,
      maxSockets: this.#limits.socketsPerHost,
      maxFreeSockets: 4,
      timeout: IDLE_MS,
      ...(proxy === undefined ? {} : { proxyEnv: { [isTls ? 'HTTPS_PROXY' : 'HTTP_PROXY']: proxy } }),
      ...(namedBy && proxy === undefined ? { lookup: guardedLookup(namedBy) } : {}),
    };
    const agent = isTls
      ? new TlsAgent({ ...options, secureContext: tls.context(), rejectUnauthorized: tls.isVerified })
      : new Agent(options);
    const route = { agent, origins: new Map() };
    this.#routes.set(key, route);
    return route;
  }

  #origin({ agent, origins }: Route, url: URL): Http2Origin | undefined {
    if (!(agent instanceof TlsAgent) || this.#deps.http2 === false) return undefined;
    const known = origins.get(url.origin);
    if (known) return known;
    if (origins.size >= MOST_ORIGINS) forgetIdleOrigins(origins);
    const origin = new Http2Origin({
      origin: url.origin,
      connect: signal => agent.negotiate(url, signal),
      keep: socket => agent.keep(url, socket),
      connectMs: this.#limits.connectMs,
      most: this.#limits.socketsPerHost,
    });
    origins.set(url.origin, origin);
    return origin;
  }

  #forgetIdle(): void {
    for (const [key, route] of this.#routes) {
      const isBusy = [...route.origins.values()].some(origin => origin.isBusy);
      if (isBusy || Object.keys(route.agent.sockets).length > 0) continue;
      dispose(route);
      this.#routes.delete(key);
    }
  }
}

function forgetIdleOrigins(origins: Map<string, Http2Origin>): void {
  for (const [key, origin] of origins) {
    if (origin.isBusy) continue;
    origin[Symbol.dispose]();
    origins.delete(key);
  }
}

function dispose({ agent, origins }: Route): void {
  for (const origin of origins.values()) origin[Symbol.dispose]();
  agent.destroy();
}

/** Addresses need no look-up, so {@link guardedLookup} does not see them. */
function refuseForbidden({ url, namedBy }: HttpRequest): void {
  const host = hostOf(url);
  if (namedBy && isIP(host) !== 0 && !mayLeadTo(namedBy, classOf(host))) {
    throw new ForbiddenAddressError(host, host);
  }
}
