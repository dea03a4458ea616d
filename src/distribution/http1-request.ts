import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import { Readable } from 'node:stream';
import { type Abortable, abortError } from '#base/abortable';
import { request as plainRequest } from '#base/node-http';
import { type AddressClass, classOf } from '#sys/address-guard';
import { type AnswerWait, answerTo, sendBody } from './answer-wait.ts';
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
    readonly agent: Agent;
    readonly limits: HttpLimits;
    readonly userAgent: string;
    readonly isProxied: boolean;
  },
): Promise<HttpResponse> {
  const { url, signal } = request;
  const outgoing = (url.protocol === 'https:' ? secureRequest : plainRequest)(url, {
    method: request.method,
    agent,
    headers: { 'user-agent': userAgent, 'accept-encoding': 'identity', ...request.headers },
  });
  const onAbort = (): void => void outgoing.destroy(signal && abortError(signal));
  signal?.addEventListener('abort', onAbort, { once: true });
  const release = (): void => signal?.removeEventListener('abort', onAbort);
  try {
    const incoming = await headOf(outgoing, request.body, { ...limits, ...(signal ? { signal } : {}) });
    incoming.once('close', release);
    const isHead = request.method === 'HEAD';
    return new NodeResponse(incoming, { url, isProxied, isHead, stallMs: limits.stallMs });
  } catch (error) {
    release();
    throw error;
  }
}

/** Sends the body and waits for the head of the answer. */
async function headOf(
  request: ClientRequest,
  body: Buffer | Readable | undefined,
  { connectMs, headersMs, stallMs, signal }: HttpLimits & Abortable,
): Promise<IncomingMessage> {
  const begin = ({ resolve, reject, within }: AnswerWait<IncomingMessage>): void => {
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
    if (body instanceof Readable) {
      sendBody(request, body, () => within(stallMs, 'the server took no more data')).catch(reject);
    } else request.end(body);
  };
  try {
    return await answerTo(body, begin, signal ? { signal } : {});
  } catch (error) {
    // One that has no connection yet does not tell that it was destroyed: it may wait in a queue, or for a proxy.
    request.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
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
