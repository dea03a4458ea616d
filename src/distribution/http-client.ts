import http, { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { type Abortable, abortError, orAborted, throwIfAborted } from '#base/abortable';
import {
  type AddressClass,
  classOf,
  ForbiddenAddressError,
  guardedLookup,
  mayLeadTo,
} from './address-guard.ts';
import { type ProxySettings, proxyFor } from './proxy-settings.ts';
import type { TlsSettings } from './tls-settings.ts';

export interface HttpLimits {
  /** name look-up, TCP and TLS */
  readonly connectMs: number;
  /** from the request, sent whole, to the head of the answer */
  readonly headersMs: number;
  /** without a byte in a body, in either direction */
  readonly stallMs: number;
  /** connections to one host; more than {@link file://./registry-client.ts} downloads with at a time, which may take long */
  readonly socketsPerHost: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  connectMs: 30_000,
  headersMs: 60_000,
  stallMs: 30_000,
  socketsPerHost: 24,
};

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable;
  readonly tls: TlsSettings;
  /** where the server is that named this URL; absent: the user or the configuration did */
  readonly namedBy?: AddressClass | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly url: URL;
  /** where the server is; `public` behind a proxy */
  readonly address: AddressClass;
  /** @throws when no byte comes for too long, or when the connection ends before the body does. */
  body(): AsyncGenerator<Buffer>;
  /** Ends reading; the connection is kept where little is left. Twice is harmless. */
  discard(): void;
}

/** A wait for the server was too long. */
export class HttpTimeoutError extends Error {
  readonly code = 'QUAI_HTTP_TIMEOUT';
}

export interface HttpClientDeps {
  readonly proxies: ProxySettings;
  readonly limits?: Partial<HttpLimits>;
  readonly userAgent: string;
}

/** One HTTP request at a time over connections that are kept: proxies, TLS, and a bound for every wait. */
export class HttpClient implements Disposable {
  readonly #deps: HttpClientDeps;
  readonly #limits: HttpLimits;
  readonly #agents = new Map<string, http.Agent>();

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
    const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
      method: request.method,
      agent: this.#agent(request, proxy),
      headers: { 'user-agent': this.#deps.userAgent, 'accept-encoding': 'identity', ...request.headers },
    });
    const onAbort = (): void => void outgoing.destroy(signal && abortError(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    const release = (): void => signal?.removeEventListener('abort', onAbort);
    try {
      const incoming = await answerTo(outgoing, request.body, {
        ...this.#limits,
        ...(signal ? { signal } : {}),
      });
      incoming.once('close', release);
      return new NodeResponse(incoming, {
        url,
        isProxied: proxy !== undefined,
        stallMs: this.#limits.stallMs,
      });
    } catch (error) {
      release();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** Connections are shared only among requests with the same certificates, proxy, and right to go where they go. */
  #agent({ url, tls, namedBy }: HttpRequest, proxy: string | undefined): http.Agent {
    const isTls = url.protocol === 'https:';
    const key = JSON.stringify([isTls ? tls.key : 'plain', proxy ?? '', namedBy ?? '']);
    const known = this.#agents.get(key);
    if (known) return known;
    if (this.#agents.size >= MOST_AGENTS) this.#forgetIdle();
    const options = {
      keepAlive: true,
      maxSockets: this.#limits.socketsPerHost,
      maxFreeSockets: 4,
      timeout: IDLE_MS,
      ...(proxy === undefined ? {} : { proxyEnv: { [isTls ? 'HTTPS_PROXY' : 'HTTP_PROXY']: proxy } }),
      ...(namedBy && proxy === undefined ? { lookup: guardedLookup(namedBy) } : {}),
    };
    const agent = isTls
      ? new https.Agent({ ...options, secureContext: tls.context(), rejectUnauthorized: tls.isVerified })
      : new http.Agent(options);
    this.#agents.set(key, agent);
    return agent;
  }

  #forgetIdle(): void {
    for (const [key, agent] of this.#agents) {
      if (Object.keys(agent.sockets).length > 0) continue;
      agent.destroy();
      this.#agents.delete(key);
    }
  }
}

const MOST_AGENTS = 100;
/** A connection that nobody uses is closed after this time. */
const IDLE_MS = 15_000;
/** More than this is not read to keep a connection. */
const DISCARD_BYTES = 64 * 1024;

/** Addresses need no look-up, so {@link guardedLookup} does not see them. */
function refuseForbidden({ url, namedBy }: HttpRequest): void {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (namedBy && isIP(host) !== 0 && !mayLeadTo(namedBy, classOf(host))) {
    throw new ForbiddenAddressError(host, host);
  }
}

/** Sends the body and waits for the head of the answer; each phase has its time. */
async function answerTo(
  request: ClientRequest,
  body: Buffer | Readable | undefined,
  { connectMs, headersMs, stallMs, signal }: HttpLimits & Abortable,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  // A request that has no connection yet does not tell that it was destroyed: it may wait in a queue, or for a proxy.
  promise.catch(() => undefined); // it may fail when nobody waits any more
  const fail = (error: Error): void => {
    reject(error);
    request.destroy(error);
  };
  const within = (ms: number, what: string): void => {
    clearTimeout(timer);
    if (isOver) return;
    timer = setTimeout(() => fail(new HttpTimeoutError(`${what} within ${ms / 1000} s`)), ms);
  };
  const onConnected = (): void => within(body instanceof Readable ? stallMs : headersMs, 'no answer');
  within(connectMs, 'no connection');
  request.on('socket', socket => {
    if (!socket.connecting) onConnected();
    else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', onConnected);
  });
  request.on('finish', () => within(headersMs, 'no answer'));
  request.on('response', resolve);
  request.on('error', reject);
  request.on('close', () => reject(new Error('the connection was closed before there was an answer')));
  try {
    if (body instanceof Readable)
      sendBody(request, body, () => within(stallMs, 'the server took no more data'));
    else request.end(body);
    return await orAborted(promise, signal);
  } finally {
    isOver = true;
    clearTimeout(timer);
    if (body instanceof Readable && !body.readableEnded) body.destroy(); // answered early: the rest is not wanted
  }
}

/** Writes at the server's pace. A source that fails fails the request. */
function sendBody(request: ClientRequest, body: Readable, onProgress: () => void): void {
  const send = async (): Promise<void> => {
    for await (const chunk of body) {
      onProgress();
      if (!request.write(chunk)) await drained(request);
      if (request.destroyed) return;
    }
    request.end();
  };
  let isAnswered = false;
  request.once('response', () => {
    isAnswered = true;
  });
  send().catch((error: unknown) => {
    // A source that was destroyed because the answer is there already is no failure.
    if (!isAnswered) request.destroy(error instanceof Error ? error : new Error(String(error)));
  });
}

async function drained(request: ClientRequest): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  request.once('drain', resolve);
  request.once('close', resolve);
  await promise;
  request.off('drain', resolve);
  request.off('close', resolve);
}

class NodeResponse implements HttpResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly url: URL;
  readonly address: AddressClass;
  readonly #incoming: IncomingMessage;
  readonly #stallMs: number;

  constructor(
    incoming: IncomingMessage,
    { url, isProxied, stallMs }: { readonly url: URL; readonly isProxied: boolean; readonly stallMs: number },
  ) {
    this.#incoming = incoming;
    this.#stallMs = stallMs;
    this.status = incoming.statusCode ?? 0;
    this.statusText = incoming.statusMessage ?? '';
    this.headers = incoming.headers;
    this.url = url;
    this.address = isProxied ? 'public' : classOf(incoming.socket.remoteAddress ?? '');
    incoming.on('error', () => undefined); // told to whoever reads
  }

  async *body(): AsyncGenerator<Buffer> {
    const incoming = this.#incoming;
    const patience = (): NodeJS.Timeout =>
      setTimeout(
        () => incoming.destroy(new HttpTimeoutError(`no data within ${this.#stallMs / 1000} s`)),
        this.#stallMs,
      );
    let timer = patience();
    try {
      for await (const chunk of incoming) {
        clearTimeout(timer); // runs only while we wait: a slow disk is not a slow server
        yield chunk as Buffer; // no encoding is set
        timer = patience();
      }
    } finally {
      clearTimeout(timer);
      incoming.destroy();
    }
  }

  discard(): void {
    const length = Number(this.headers['content-length'] ?? Number.POSITIVE_INFINITY);
    if (length > DISCARD_BYTES) this.#incoming.destroy();
    else this.#incoming.resume();
  }
}

/** The whole of a small body. @throws {RangeError} when there is more than `maxBytes`: nothing of it is kept. */
export async function readBody(response: HttpResponse, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body()) {
    size += chunk.length;
    if (size > maxBytes) throw new BodyTooLargeError(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export class BodyTooLargeError extends Error {}
