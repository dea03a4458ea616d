import type { IncomingMessage, ServerOptions, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { createServer, nodeHttps } from '#base/node-http';
import { detachSocket } from './detach-socket.ts';
import { readJsonBody } from './json-body.ts';
import { parseTarget, type Target } from './raw-query.ts';
import type { BytesReply, ReplyHeaders } from './reply.ts';
import { type ReplySink, ResponseSink } from './response-sink.ts';
import type { Peer, Route } from './route.ts';
import { type Match, Router } from './router.ts';
import { SocketSink } from './socket-sink.ts';
import { bodyOfUpgrade } from './upgrade-body.ts';

/** What differs from one protocol to the next. */
export interface Edge {
  /** on every answer */
  readonly headers: ReplyHeaders;
  /** Refuses a request by throwing, or says which path and version it is for. */
  admit(request: IncomingMessage, path: string): { readonly path: string; readonly version: number };
  /** The answer to anything that was thrown. `request` is as it came: its path may be anything. */
  fail(error: unknown, request: FailedRequest): BytesReply;
}

export type FailedRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

export interface HttpServerDeps {
  readonly routes: readonly Route[];
  readonly edge: Edge;
  readonly logger: Logger;
  /** then it speaks TLS */
  readonly tls?: SecureContextOptions;
  /** of the head of a request (default 256 KiB) */
  readonly maxHeadBytes?: number;
  /** after so long without a byte in either direction a connection is cut; absent: never */
  readonly stallMs?: number;
}

/** An HTTP/1.1 server for a table of routes. Listen on `server`. */
export interface HttpServer extends AsyncDisposable {
  readonly server: Server;
  /** Other certificates from now on, for new connections. Nothing where it speaks no TLS. */
  renewTls(tls: SecureContextOptions): void;
  /** Stops listening, ends what is open (streams too) and resolves when the last connection is gone. A second call does nothing new. */
  close(): Promise<void>;
}

const HEAD_TIMEOUT_MS = 60_000;
/** longer than any client keeps an unused connection, so that it is never us who closes under its next request */
const IDLE_TIMEOUT_MS = 600_000;
const MAX_HEAD_BYTES = 256 * 1024;
/** how long answers under way may take once the server closes */
const CLOSE_GRACE_MS = 1000;

export function createHttpServer(deps: HttpServerDeps): HttpServer {
  const front = new Front(deps);
  const { stallMs, tls, maxHeadBytes = MAX_HEAD_BYTES } = deps;
  const options: ServerOptions = {
    keepAliveTimeout: Math.min(IDLE_TIMEOUT_MS, stallMs ?? IDLE_TIMEOUT_MS),
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: 0, // an image may take as long to load as it takes
    maxHeaderSize: maxHeadBytes,
    shouldUpgradeCallback: request => front.isTakeover(request),
  };
  const answer = (request: IncomingMessage, response: ServerResponse): void =>
    front.onRequest(request, response);
  const secure = tls && nodeHttps().createServer({ ...options, ...tls }, answer);
  const server = secure ?? createServer(options, answer);
  if (stallMs !== undefined) server.setTimeout(stallMs);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    front.onUpgrade(request, socket, head);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    front.onClientError(error, socket),
  );
  const close = async (): Promise<void> => {
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    front.leave();
    server.closeIdleConnections();
    const timer = setTimeout(() => {
      server.closeAllConnections();
      front.cut();
    }, CLOSE_GRACE_MS);
    await closed.promise;
    clearTimeout(timer);
  };
  const renewTls = (renewed: SecureContextOptions): void => secure?.setSecureContext(renewed);
  return { server, renewTls, close, [Symbol.asyncDispose]: close };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly bytes: Readable;
  readonly sink: ReplySink;
  readonly abort: AbortController;
}

/** Takes a request from its head to its answer. */
class Front {
  readonly #deps: HttpServerDeps;
  readonly #router: Router;
  readonly #open = new Set<AbortController>();
  /** of each connection the last one: resolves when it is out, or the connection is gone */
  readonly #answers = new WeakMap<Socket, Promise<void>>();
  /** connections the HTTP server has let go of */
  readonly #taken = new Set<Duplex>();

  constructor(deps: HttpServerDeps) {
    this.#deps = deps;
    this.#router = new Router(deps.routes);
  }

  /** Whether a request is for a route that takes connections over, and asks for what we can give. */
  isTakeover(request: IncomingMessage): boolean {
    const wanted = request.headers.upgrade?.toLowerCase();
    if (wanted !== 'tcp' && wanted !== 'websocket') return false;
    try {
      return this.#route(request).match.route.takesOver;
    } catch {
      return false; // the ordinary way will find the same error, and answer it
    }
  }

  /**
   * Requests of one connection are served one after the other, each when the answer before is out. Their answers go in that order
   * anyway, and a client that sends hundreds at once and reads nothing has one under way, and not all of them in memory.
   */
  onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const before = this.#answers.get(socket);
    const { promise, resolve } = Promise.withResolvers<void>();
    response.once('close', resolve);
    this.#answers.set(socket, promise);
    if (!before) {
      this.#begin(request, response);
      return;
    }
    const next = (): void => {
      if (socket.destroyed) resolve();
      else this.#begin(request, response);
    };
    before.then(next, next);
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const abort = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) abort.abort();
    });
    const sink = new ResponseSink({
      request,
      response,
      common: this.#deps.edge.headers,
      detach: () => this.#adopt(detachSocket(request, response), abort, { isUpgrade: false }),
    });
    void this.#serve({ request, bytes: request, sink, abort });
  }

  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const bytes = bodyOfUpgrade(request, socket, head);
    const abort = new AbortController();
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
    const webSocketKey = isWebSocket ? request.headers['sec-websocket-key'] : undefined;
    const sink = this.#adopt(socket, abort, { isUpgrade: true, webSocketKey });
    void this.#serve({ request, bytes, sink, abort });
  }

  /** A request that `node:http` could not parse, or a client that broke off in the middle of one. */
  onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    this.#deps.logger.debug('bad request', { error: error.message, code: error.code });
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
    const body = `${JSON.stringify({ message: isTooLarge ? 'request header too large' : 'malformed or incomplete HTTP request' })}\n`;
    const status = isTooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request';
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  /** Ends every exchange under way. */
  leave(): void {
    for (const abort of this.#open) abort.abort();
  }

  cut(): void {
    for (const socket of this.#taken) socket.destroy();
  }

  /** Looks after a connection that `node:http` has let go of. */
  #adopt(
    socket: Duplex,
    abort: AbortController,
    options: { readonly isUpgrade: boolean; readonly webSocketKey?: string | undefined },
  ): SocketSink {
    socket.on('error', () => undefined); // 'close' follows
    this.#taken.add(socket);
    socket.once('close', () => {
      this.#taken.delete(socket);
      abort.abort();
    });
    return new SocketSink({ socket, common: this.#deps.edge.headers, ...options });
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { sink, abort } = exchange;
    this.#open.add(abort);
    try {
      await sink.send(await this.#answer(exchange), abort.signal);
    } catch (error) {
      await this.#fail(error, exchange);
    } finally {
      this.#open.delete(abort);
    }
  }

  async #answer({ request, bytes, abort: { signal } }: Exchange) {
    const { match, target, version } = this.#route(request);
    const { route, params } = match;
    const body = route.takesJson ? await readJsonBody(bytes, request.headers) : undefined;
    return await route.handle({
      method: request.method ?? '',
      path: target.path,
      headers: request.headers,
      version,
      params,
      query: target.query,
      body,
      bytes,
      peer: peerOf(request),
      signal,
    });
  }

  #route(request: IncomingMessage): { match: Match; target: Target; version: number } {
    const target = parseTarget(request.url ?? '');
    const { path, version } = this.#deps.edge.admit(request, target.path);
    return { match: this.#router.match(request.method ?? '', path), target, version };
  }

  async #fail(error: unknown, { request, sink, abort }: Exchange): Promise<void> {
    const { edge, logger } = this.#deps;
    const fields = { request: `${request.method} ${request.url}`, error: messageOf(error) };
    if (abort.signal.aborted) {
      logger.debug('client left', { ...fields, status: 499 });
      request.socket.destroy();
      return;
    }
    const answer = edge.fail(error, request);
    if (answer.status === 500) logger.error('request failed', { ...fields, error });
    else logger.debug('request refused', { ...fields, status: answer.status });
    if (sink.isStarted) {
      request.socket.destroy(); // the only way left to say that the answer is not whole
      return;
    }
    await sink.send(answer, abort.signal).catch((sendError: unknown) => {
      logger.debug('answer was lost', { ...fields, error: messageOf(sendError) });
    });
  }
}

function peerOf({ socket }: IncomingMessage): Peer {
  return { address: socket.remoteAddress ?? '', isSecure: 'encrypted' in socket };
}
