import http, { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { type Abortable, abortError, orAborted } from '#base/abortable';
import { type AddressClass, classOf } from './address-guard.ts';
import { drained } from './drained.ts';
import {
  DISCARD_BYTES,
  type HttpLimits,
  type HttpRequest,
  type HttpResponse,
  HttpTimeoutError,
} from './http-message.ts';

/** One request over HTTP/1.1. @throws errors of Node, {@link HttpTimeoutError}, or when the signal fires. */
export async function sendHttp1(
  request: HttpRequest,
  {
    agent,
    limits,
    userAgent,
    isProxied,
  }: {
    readonly agent: http.Agent;
    readonly limits: HttpLimits;
    readonly userAgent: string;
    readonly isProxied: boolean;
  },
): Promise<HttpResponse> {
  const { url, signal } = request;
  const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
    method: request.method,
    agent,
    headers: { 'user-agent': userAgent, 'accept-encoding': 'identity', ...request.headers },
  });
  const onAbort = (): void => void outgoing.destroy(signal && abortError(signal));
  signal?.addEventListener('abort', onAbort, { once: true });
  const release = (): void => signal?.removeEventListener('abort', onAbort);
  try {
    const incoming = await answerTo(outgoing, request.body, { ...limits, ...(signal ? { signal } : {}) });
    incoming.once('close', release);
    const isHead = request.method === 'HEAD';
    return new NodeResponse(incoming, { url, isProxied, isHead, stallMs: limits.stallMs });
  } catch (error) {
    release();
    throw error;
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

/** An answer over HTTP/1.1. */
class NodeResponse implements HttpResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly url: URL;
  readonly address: AddressClass;
  readonly #incoming: IncomingMessage;
  readonly #stallMs: number;
  readonly #isHead: boolean;

  constructor(
    incoming: IncomingMessage,
    {
      url,
      isProxied,
      isHead,
      stallMs,
    }: { readonly url: URL; readonly isProxied: boolean; readonly isHead: boolean; readonly stallMs: number },
  ) {
    this.#incoming = incoming;
    this.#stallMs = stallMs;
    this.#isHead = isHead;
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
    // What HEAD announces does not come.
    if (length > DISCARD_BYTES && !this.#isHead) this.#incoming.destroy();
    else this.#drain();
  }

  /** Reads the little that is left, unless it does not come. */
  #drain(): void {
    const incoming = this.#incoming;
    const late = setTimeout(() => incoming.destroy(), this.#stallMs).unref();
    incoming.once('close', () => clearTimeout(late));
    incoming.resume();
  }
}
