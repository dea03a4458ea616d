import type { IncomingHttpHeaders } from 'node:http';
import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders as Http2Headers,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { PassThrough, Readable } from 'node:stream';
import { abortError } from '#base/abortable';
import { codeOf } from '#base/errors';
import { STATUS_CODES } from '#base/node-http';
import type { AddressClass } from '#sys/address-guard';
import { type AnswerWait, answerTo, sendBody } from './answer-wait.ts';
import {
  DISCARD_BYTES,
  type HttpLimits,
  type HttpRequest,
  type HttpResponse,
  HttpTimeoutError,
} from './http-message.ts';
import type { Http2Connection } from './http2-connection.ts';

type ResponseHeaders = Http2Headers & IncomingHttpStatusHeader;

const { NGHTTP2_CANCEL, NGHTTP2_HTTP_1_1_REQUIRED, NGHTTP2_NO_ERROR } = constants;

/** A stream or its connection ended before the answer did. For those who decide by the code it is a connection that was cut. */
export class Http2CutError extends Error {
  readonly code = 'ECONNRESET';
  /** the server wants HTTP/1.1 for it */
  readonly wantsHttp1: boolean;

  constructor(stream: ClientHttp2Stream, cause?: unknown) {
    super('the connection was cut', { cause });
    this.wantsHttp1 = stream.rstCode === NGHTTP2_HTTP_1_1_REQUIRED;
  }
}

/** Sends a request on a connection, in this turn. The rest waits: {@link Http2Exchange.answer}. */
export class Http2Exchange {
  readonly #connection: Http2Connection;
  readonly #request: HttpRequest;
  readonly #stream: ClientHttp2Stream;

  /** @throws when the connection is over. */
  constructor(connection: Http2Connection, request: HttpRequest, userAgent: string) {
    const { url, method, headers, body } = request;
    this.#connection = connection;
    this.#request = request;
    this.#stream = connection.request(
      {
        ':method': method,
        ':scheme': 'https',
        ':authority': url.host,
        ':path': `${url.pathname}${url.search}`,
        'user-agent': userAgent,
        'accept-encoding': 'identity',
        ...headers,
      },
      { hasBody: body !== undefined },
    );
    this.#stream.on('error', () => undefined); // told to whoever waits
  }

  /** Sends the body and waits for the head of the answer; each phase has its time. */
  async answer(limits: HttpLimits, isProxied: boolean): Promise<HttpResponse> {
    const { signal, url, method } = this.#request;
    const stream = this.#stream;
    const onAbort = (): void => stream.close(NGHTTP2_CANCEL);
    signal?.addEventListener('abort', onAbort, { once: true });
    stream.once('close', () => signal?.removeEventListener('abort', onAbort));
    try {
      const headers = await this.#head(limits);
      const address = isProxied ? 'public' : this.#connection.address;
      return new Http2Response(stream, headers, {
        url,
        address,
        method,
        signal,
        stallMs: limits.stallMs,
        onSilence: () => this.#connection.retire(),
      });
    } catch (error) {
      stream.close(NGHTTP2_CANCEL);
      // The next request shall not wait on the same line.
      if (error instanceof HttpTimeoutError) this.#connection.retire();
      throw error;
    }
  }

  async #head({ headersMs, stallMs }: HttpLimits): Promise<ResponseHeaders> {
    const { body, signal } = this.#request;
    const stream = this.#stream;
    const begin = ({ resolve, reject, within }: AnswerWait<ResponseHeaders>): void => {
      stream.once('response', resolve);
      stream.once('error', error => reject(cut(stream, signal, error)));
      stream.once('close', () => reject(cut(stream, signal)));
      if (body instanceof Readable) {
        within(stallMs, 'no answer');
        const sent = (): void => within(stallMs, 'the server took no more data');
        sendBody(stream, body, sent).then(() => within(headersMs, 'no answer'), reject);
      } else {
        within(headersMs, 'no answer');
        if (body) stream.end(body);
      }
    };
    return await answerTo(body, begin, signal ? { signal } : {});
  }
}

/** What of a body is taken from the connection before anybody reads it. */
const AHEAD_BYTES = 256 * 1024;

/** An answer over HTTP/2. */
class Http2Response implements HttpResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly url: URL;
  readonly address: AddressClass;
  readonly #stream: ClientHttp2Stream;
  readonly #context: ResponseContext;
  /** as announced */
  readonly #length: number;
  /** Node drops what a stream still holds when its connection ends, though all of it is here: so it is taken out at once. */
  readonly #taken = new PassThrough({ highWaterMark: AHEAD_BYTES });
  #receivedBytes = 0;
  #isDiscarded = false;

  constructor(stream: ClientHttp2Stream, headers: ResponseHeaders, context: ResponseContext) {
    this.#stream = stream;
    this.#context = context;
    this.status = headers[':status'] ?? 0;
    this.statusText = STATUS_CODES[this.status] ?? '';
    this.headers = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')));
    this.url = context.url;
    this.address = context.address;
    const length = Number(this.headers['content-length'] ?? 0);
    const hasBody = context.method !== 'HEAD' && this.status !== 204 && this.status !== 304;
    this.#length = hasBody && Number.isSafeInteger(length) ? length : 0;
    stream.pipe(this.#taken);
    stream.once('close', () => this.#taken.end()); // what came before a cut is worth keeping
  }

  async *body(): AsyncGenerator<Buffer> {
    const { stallMs, onSilence } = this.#context;
    const stream = this.#stream;
    let silence: HttpTimeoutError | undefined;
    const patience = (): NodeJS.Timeout =>
      setTimeout(() => {
        silence = new HttpTimeoutError(`no data within ${stallMs / 1000} s`);
        onSilence();
        stream.close(NGHTTP2_CANCEL);
      }, stallMs);
    let timer = patience();
    try {
      for await (const chunk of this.#taken) {
        clearTimeout(timer); // runs only while we wait: a slow disk is not a slow server
        const bytes = chunk as Buffer; // no encoding is set
        this.#receivedBytes += bytes.length;
        yield bytes;
        timer = patience();
      }
      if (silence) throw silence;
      if (this.#isCut()) throw cut(stream, this.#context.signal);
    } finally {
      clearTimeout(timer);
      endStream(stream);
    }
  }

  discard(): void {
    if (this.#isDiscarded) return;
    this.#isDiscarded = true;
    // Servers that count cancelled streams take too many for an attack.
    if (this.#length > DISCARD_BYTES) this.#stream.close(NGHTTP2_CANCEL);
    else void this.#drain();
  }

  /** Reads the little that is left; one that does not say how much it is may be endless, or never come. */
  async #drain(): Promise<void> {
    const stream = this.#stream;
    const late = setTimeout(() => stream.close(NGHTTP2_CANCEL), this.#context.stallMs).unref();
    let left = DISCARD_BYTES;
    try {
      for await (const chunk of this.#taken) {
        left -= (chunk as Buffer).length; // no encoding is set
        if (left < 0) break;
      }
    } catch {
      // nobody waits for it
    } finally {
      clearTimeout(late);
      endStream(stream);
    }
  }

  /** A stream that is reset, or whose connection is gone, ends for its reader as if all had come. */
  #isCut(): boolean {
    return (
      !this.#stream.readableEnded ||
      this.#stream.rstCode !== NGHTTP2_NO_ERROR ||
      this.#receivedBytes < this.#length
    );
  }
}

/** Both its halves: a server that answered before it had the whole body may wait for the rest for ever. */
function endStream(stream: ClientHttp2Stream): void {
  if (!stream.readableEnded || !stream.writableEnded) stream.close(NGHTTP2_CANCEL);
}

interface ResponseContext extends Pick<HttpResponse, 'url' | 'address'> {
  readonly method: string;
  readonly stallMs: number;
  readonly onSilence: () => void;
  readonly signal: AbortSignal | undefined;
}

function cut(stream: ClientHttp2Stream, signal: AbortSignal | undefined, cause?: unknown): Error {
  if (signal?.aborted) return abortError(signal);
  const isOwn = cause instanceof Error && !(codeOf(cause) ?? '').startsWith('ERR_HTTP2_');
  return isOwn ? cause : new Http2CutError(stream, cause);
}
