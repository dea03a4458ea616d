import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { STATUS_CODES } from '#base/node-http';
import { closeGently } from './close-gently.ts';
import type { BytesReply, Reply, ReplyHeaders, StreamReply, TakeoverReply, WebSocketReply } from './reply.ts';
import { notWebSocket, type ReplySink } from './response-sink.ts';
import { acceptKey, webSocketStream } from './web-socket.ts';

/** Answers by hand on a connection that `node:http` no longer looks at. It carries no further request. */
export class SocketSink implements ReplySink {
  readonly #socket: Duplex;
  readonly #common: ReplyHeaders;
  readonly #isUpgrade: boolean;
  readonly #webSocketKey: string | undefined;
  #isStarted = false;

  constructor(deps: {
    socket: Duplex;
    common: ReplyHeaders;
    isUpgrade: boolean;
    webSocketKey?: string | undefined;
  }) {
    this.#socket = deps.socket;
    this.#common = deps.common;
    this.#isUpgrade = deps.isUpgrade;
    this.#webSocketKey = deps.webSocketKey;
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  async send(reply: Reply, signal: AbortSignal): Promise<void> {
    try {
      await this.#dispatch(reply, signal);
    } finally {
      await closeGently(this.#socket);
    }
  }

  async #dispatch(reply: Reply, signal: AbortSignal): Promise<void> {
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
        await this.#speakWebSocket(reply, signal);
        return;
    }
  }

  #sendBytes({ status, headers, body }: BytesReply): void {
    this.#writeHead(`${status} ${STATUS_CODES[status] ?? ''}`, {
      Connection: 'close',
      ...headers,
      'Content-Length': String(Buffer.byteLength(body)),
    });
    this.#socket.write(body);
  }

  async #sendStream({ status, headers, chunks }: StreamReply, signal: AbortSignal): Promise<void> {
    this.#writeHead(`${status} ${STATUS_CODES[status] ?? ''}`, { ...headers, Connection: 'close' });
    await pipeline(chunks, this.#socket, { signal, end: false });
  }

  async #takeOver({ upgradedHeaders, plainHeaders, run }: TakeoverReply, signal: AbortSignal): Promise<void> {
    if (this.#isUpgrade) {
      this.#writeHead('101 UPGRADED', { ...upgradedHeaders, Connection: 'Upgrade', Upgrade: 'tcp' });
    } else {
      this.#writeHead('200 OK', plainHeaders);
    }
    await run(this.#socket, { signal });
  }

  async #speakWebSocket({ run }: WebSocketReply, signal: AbortSignal): Promise<void> {
    if (this.#webSocketKey === undefined) return this.#sendBytes(notWebSocket());
    this.#writeHead('101 Switching Protocols', {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Accept': acceptKey(this.#webSocketKey),
    });
    const webSocket = webSocketStream(this.#socket);
    await run(webSocket.stream, { signal });
    await webSocket.close();
  }

  #writeHead(statusLine: string, headers: ReplyHeaders): void {
    this.#isStarted = true;
    const lines = Object.entries({ ...this.#common, ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    this.#socket.write(`HTTP/1.1 ${statusLine}\r\n${lines.join('')}\r\n`);
  }
}
