import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { joinStreams } from './join-streams.ts';
import {
  type BytesReply,
  type Reply,
  type ReplyHeaders,
  reply,
  type StreamReply,
  type TakeoverReply,
} from './reply.ts';

/** Where an answer goes: an ordinary HTTP response, or a connection that left the HTTP server. */
export interface ReplySink {
  /** the head is out: an error can no longer be told */
  readonly isStarted: boolean;
  /** Resolves when the answer has been handed over entirely. */
  send(reply: Reply, signal: AbortSignal): Promise<void>;
}

/** Answers through `node:http`. */
export class ResponseSink implements ReplySink {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #common: ReplyHeaders;

  constructor(deps: { request: IncomingMessage; response: ServerResponse; common: ReplyHeaders }) {
    this.#request = deps.request;
    this.#response = deps.response;
    this.#common = deps.common;
  }

  get isStarted(): boolean {
    return this.#response.headersSent;
  }

  async send(answer: Reply, signal: AbortSignal): Promise<void> {
    switch (answer.type) {
      case 'bytes':
        this.#sendBytes(answer);
        return;
      case 'stream':
        await this.#sendStream(answer, signal);
        return;
      case 'takeover':
        await this.#takeOver(answer, signal);
        return;
      case 'web-socket':
        this.#sendBytes(notWebSocket());
        return;
    }
  }

  #sendBytes({ status, headers, body }: BytesReply): void {
    const response = this.#response;
    if (response.destroyed) return;
    const hasBody = status !== 204 && status !== 304;
    response.writeHead(status, {
      ...this.#common,
      ...headers,
      ...(hasBody ? { 'Content-Length': Buffer.byteLength(body) } : {}),
      ...(this.#isBodyPending() ? { Connection: 'close' } : {}),
    });
    response.end(hasBody ? body : undefined);
  }

  async #sendStream({ status, headers, chunks }: StreamReply, signal: AbortSignal): Promise<void> {
    this.#response.writeHead(status, { ...this.#common, ...headers });
    this.#response.flushHeaders();
    await pipeline(chunks, this.#response, { signal });
  }

  /** For a client that did not ask for an upgrade, and sends its input as the body of the request. */
  async #takeOver({ plainHeaders, run }: TakeoverReply, signal: AbortSignal): Promise<void> {
    const response = this.#response;
    response.removeHeader('Transfer-Encoding'); // and so not chunked: the end of the connection is the end of the body
    response.writeHead(200, { ...this.#common, ...plainHeaders, Connection: 'close' });
    response.flushHeaders();
    const connection = joinStreams(this.#request, response);
    await run(connection, { signal });
    response.end();
  }

  /** A body nobody read would have to be read to the end before the next request: better a new connection. */
  #isBodyPending(): boolean {
    const { headers, complete } = this.#request;
    return (
      !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
    );
  }
}

/** For a plain request to a route that speaks WebSocket. */
export function notWebSocket(): BytesReply {
  return reply.json({ message: 'not websocket protocol' }, 400);
}
