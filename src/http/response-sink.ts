import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { joinStreams } from './join-streams.ts';
import type { BytesReply, Reply, ReplyHeaders, StreamReply, TakeoverReply } from './reply.ts';

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

  async send(reply: Reply, signal: AbortSignal): Promise<void> {
    switch (reply.type) {
      case 'bytes':
        this.#sendBytes(reply);
        return;
      case 'stream':
        await this.#sendStream(reply, signal);
        return;
      case 'takeover':
        await this.#takeOver(reply, signal);
        return;
      case 'web-socket':
        this.#sendBytes(upgradeRequired());
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

export function upgradeRequired(): BytesReply {
  return {
    type: 'bytes',
    status: 426,
    headers: { 'Content-Type': 'application/json', Connection: 'Upgrade', Upgrade: 'websocket' },
    body: `${JSON.stringify({ message: 'this endpoint speaks WebSocket only' })}\n`,
  };
}
