import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { closeGently } from './close-gently.ts';
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

export interface ResponseSinkDeps {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly common: ReplyHeaders;
  /** takes the connection away from `node:http`, for good */
  readonly detach: () => ReplySink;
}

/** Answers through `node:http`. */
export class ResponseSink implements ReplySink {
  readonly #request: IncomingMessage;
  /** the request gives it up when it is destroyed: whoever reads a body and fails in the middle does that */
  readonly #socket: Socket;
  readonly #response: ServerResponse;
  readonly #common: ReplyHeaders;
  readonly #detach: () => ReplySink;
  #detached: ReplySink | undefined;

  constructor(deps: ResponseSinkDeps) {
    this.#request = deps.request;
    this.#socket = deps.request.socket;
    this.#response = deps.response;
    this.#common = deps.common;
    this.#detach = deps.detach;
  }

  get isStarted(): boolean {
    return this.#detached?.isStarted ?? this.#response.headersSent;
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
    const isLast = this.#isBodyPending();
    if (isLast) this.#closeGently();
    response.writeHead(status, {
      ...this.#common,
      ...headers,
      ...(hasBody ? { 'Content-Length': Buffer.byteLength(body) } : {}),
      ...(isLast ? { Connection: 'close' } : {}),
    });
    response.end(hasBody ? body : undefined);
  }

  async #sendStream({ status, headers, chunks }: StreamReply, signal: AbortSignal): Promise<void> {
    this.#response.writeHead(status, { ...this.#common, ...headers });
    this.#response.flushHeaders();
    await pipeline(chunks, this.#response, { signal });
  }

  /**
   * For a client that did not ask for an upgrade. Its input is what follows the request; with a body of unknown length
   * nothing can follow, and so that body is the input.
   */
  async #takeOver(answer: TakeoverReply, signal: AbortSignal): Promise<void> {
    if (this.#request.headers['transfer-encoding'] !== undefined) return this.#speakInBodies(answer, signal);
    for await (const _ of this.#request); // whatever it is, it is no input: some clients send their options here
    this.#detached = this.#detach();
    await this.#detached.send(answer, signal);
  }

  async #speakInBodies({ plainHeaders, run }: TakeoverReply, signal: AbortSignal): Promise<void> {
    const response = this.#response;
    response.removeHeader('Transfer-Encoding'); // and so not chunked: the end of the connection is the end of the body
    response.writeHead(200, { ...this.#common, ...plainHeaders, Connection: 'close' });
    response.flushHeaders();
    await run(joinStreams(this.#request, response), { signal });
    response.end();
  }

  /** A client that is still sending would find the pipe broken, and never look for the answer. */
  #closeGently(): void {
    const socket = this.#socket;
    socket.destroySoon = () => void closeGently(socket);
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
