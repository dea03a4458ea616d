import { codeOf } from '#base/errors';
import { ConnectionError } from './api-error.ts';
import { Connection } from './connection.ts';
import { framingOf, type ReplyHead, requestHead } from './http-message.ts';
import type { Hijacked, Transport, TransportReply, TransportRequest } from './transport.ts';

/** Where an engine listens: a Unix socket, or a TCP address without encryption. */
export type HttpTarget = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/**
 * HTTP/1.1 to an engine, over kept-alive connections.
 *
 * This is not `node:http`, because that takes 6 ms for the first question and 1 ms for each further one, where a socket takes
 * 2 and 0.1; a `run` asks five times, and is done in not much more than that.
 */
export class HttpTransport implements Transport {
  readonly address: string;
  readonly #target: HttpTarget;
  readonly #idle = new Set<Connection>();

  constructor(target: HttpTarget) {
    this.#target = target;
    this.address =
      'socketPath' in target ? `unix://${target.socketPath}` : `tcp://${target.host}:${target.port}`;
  }

  async request(request: TransportRequest): Promise<TransportReply> {
    const connection = this.#connection();
    const stopWatching = watchAbort(connection, request.signal);
    const head = await this.#exchange(connection, request, {});
    return this.#reply(connection, request, head, stopWatching);
  }

  async hijack(request: TransportRequest): Promise<Hijacked | TransportReply> {
    const connection = this.#connection();
    const stopWatching = watchAbort(connection, request.signal);
    const head = await this.#exchange(connection, request, { Connection: 'Upgrade', Upgrade: 'tcp' });
    if (head.status >= 400) return this.#reply(connection, request, head, stopWatching);
    // Engines before API 1.22, and some proxies, take the connection over after a plain 200.
    return {
      ...head,
      input: connection.socket,
      output: connection.rest(),
      close: () => connection.socket.destroy(),
    };
  }

  close(): void {
    for (const { socket } of this.#idle) socket.destroy();
  }

  #connection(): Connection {
    const [kept] = this.#idle;
    if (kept) {
      this.#idle.delete(kept);
      kept.socket.ref();
      return kept;
    }
    const target = 'socketPath' in this.#target ? { path: this.#target.socketPath } : this.#target;
    const connection = new Connection(target);
    connection.socket.on('close', () => this.#idle.delete(connection));
    connection.socket.on('error', () => undefined); // whoever reads from it gets to know
    return connection;
  }

  #keep(connection: Connection): void {
    if (connection.socket.destroyed) return;
    connection.socket.unref(); // an idle connection does not keep the program
    this.#idle.add(connection);
  }

  /** Sends a request and reads the head of its answer. */
  async #exchange(
    connection: Connection,
    request: TransportRequest,
    extra: Readonly<Record<string, string>>,
  ): Promise<ReplyHead> {
    const { signal, body } = request;
    try {
      const { socket } = connection;
      const head = requestHead(request.method, request.path, { ...this.#headers(request), ...extra });
      socket.write(typeof body === 'string' ? head + body : head);
      if (typeof body === 'object') {
        connection
          .send(body)
          .catch((error: unknown) => socket.destroy(error instanceof Error ? error : undefined));
      }
      let reply = await connection.readHead();
      while (reply.status < 200 && reply.status !== 101) reply = await connection.readHead();
      return reply;
    } catch (cause) {
      connection.socket.destroy();
      throw this.#explain(cause, signal);
    }
  }

  #reply(
    connection: Connection,
    request: TransportRequest,
    head: ReplyHead,
    stopWatching: () => void,
  ): TransportReply {
    const isLast = /\bclose\b/i.test(head.headers['connection'] ?? '');
    const release = (): void => {
      stopWatching();
      if (isLast) connection.socket.destroy();
      else this.#keep(connection);
    };
    const framing = framingOf(request.method, head);
    if (framing.kind !== 'none') return { ...head, body: connection.body(framing, release) };
    release();
    return { ...head, body: connection.body(framing, () => undefined) };
  }

  #headers({ method, body, headers }: TransportRequest): Record<string, string> {
    return {
      Host: 'socketPath' in this.#target ? 'localhost' : this.#target.host,
      'User-Agent': 'quai-cli',
      ...lengthOf(method, body),
      ...headers,
    };
  }

  #explain(cause: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason;
    const code = codeOf(cause);
    const syscall = typeof cause === 'object' && cause !== null && 'syscall' in cause && cause.syscall;
    const isConnecting = syscall === 'connect' || syscall === 'getaddrinfo';
    return code && isConnecting ? new ConnectionError(this.address, code, { cause }) : cause;
  }
}

/** Drops the connection with the signal's reason when it fires. @returns what ends that; the end of the connection does too. */
function watchAbort({ socket }: Connection, signal: AbortSignal | undefined): () => void {
  if (!signal) return () => undefined;
  const onAbort = (): void => {
    const reason: unknown = signal.reason;
    socket.destroy(reason instanceof Error ? reason : new Error('aborted', { cause: reason }));
  };
  const stop = (): void => {
    signal.removeEventListener('abort', onAbort);
    socket.off('close', stop);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('close', stop);
  if (signal.aborted) onAbort();
  return stop;
}

function lengthOf(method: string, body: TransportRequest['body']): Record<string, string> {
  if (typeof body === 'object') return { 'Transfer-Encoding': 'chunked' };
  if (body === undefined && (method === 'GET' || method === 'HEAD')) return {};
  return { 'Content-Length': String(Buffer.byteLength(body ?? '')) };
}
