import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { codeOf } from '#base/errors';
import { ConnectionError } from './api-error.ts';
import type { Hijacked, Transport, TransportReply, TransportRequest } from './transport.ts';

/** Where an engine listens: a Unix socket, or a TCP address without encryption. */
export type HttpTarget = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/**
 * `import 'node:http'` makes Node build a namespace with every export of it, which loads its fetch and WebSocket
 * implementations: 25 ms. This way it is 1 ms.
 */
const http = process.getBuiltinModule('node:http');

/** When it is not given, Node works it out for TLS with a regular expression for IPv6 that takes 5 ms to compile. */
const NOT_TLS = { servername: '' };

/** HTTP/1.1 to an engine, over one kept-alive connection where possible. */
export class HttpTransport implements Transport {
  readonly address: string;
  readonly #target: HttpTarget;
  readonly #agent: Agent;

  constructor(target: HttpTarget) {
    this.#target = target;
    this.address =
      'socketPath' in target ? `unix://${target.socketPath}` : `tcp://${target.host}:${target.port}`;
    this.#agent = new http.Agent({ keepAlive: true });
  }

  async request(request: TransportRequest): Promise<TransportReply> {
    const answered = Promise.withResolvers<TransportReply>();
    const sent = this.#send(request, {}, answered.reject);
    sent.on('response', message => answered.resolve(replyOf(message)));
    return answered.promise;
  }

  async hijack(request: TransportRequest): Promise<Hijacked | TransportReply> {
    const answered = Promise.withResolvers<Hijacked | TransportReply>();
    const upgrade = { Connection: 'Upgrade', Upgrade: 'tcp' };
    const sent = this.#send(request, upgrade, answered.reject);
    sent.on('upgrade', (message: IncomingMessage, socket: Socket, head: Buffer) => {
      if (head.length > 0) socket.unshift(head);
      socket.setNoDelay(true);
      answered.resolve({
        status: message.statusCode ?? 0,
        headers: message.headers,
        input: socket,
        output: socket,
        close: () => socket.destroy(),
      });
    });
    sent.on('response', message => {
      const status = message.statusCode ?? 0;
      if (status >= 400) answered.resolve(replyOf(message));
      // Engines before API 1.22, and some proxies, take the connection over after a plain 200.
      else answered.resolve({ ...plainHijack(message), status, headers: message.headers });
    });
    return answered.promise;
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    request: TransportRequest,
    extraHeaders: Record<string, string>,
    fail: (error: unknown) => void,
  ): ClientRequest {
    const { body } = request;
    const options: RequestOptions = {
      ...this.#target,
      method: request.method,
      path: request.path,
      agent: this.#agent,
      ...NOT_TLS,
      headers: {
        Host: 'socketPath' in this.#target ? 'localhost' : this.#target.host,
        ...lengthOf(request.method, body),
        ...request.headers,
        ...extraHeaders,
      },
      ...(request.signal ? { signal: request.signal } : {}),
    };
    const sent = http.request(options);
    sent.on('error', cause => fail(this.#explain(cause, request.signal)));
    if (body === undefined || typeof body === 'string') sent.end(body);
    else {
      body.on('error', cause => sent.destroy(cause));
      body.pipe(sent);
    }
    return sent;
  }

  #explain(cause: Error, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason;
    const code = codeOf(cause);
    const refused = [
      'ECONNREFUSED',
      'ENOENT',
      'EACCES',
      'ENOTSOCK',
      'ENOTFOUND',
      'EHOSTUNREACH',
      'ETIMEDOUT',
    ];
    if (code && refused.includes(code) && 'syscall' in cause) {
      return new ConnectionError(this.address, code, { cause });
    }
    return cause;
  }
}

function replyOf(message: IncomingMessage): TransportReply {
  return { status: message.statusCode ?? 0, headers: message.headers, body: message };
}

function plainHijack(message: IncomingMessage): Pick<Hijacked, 'input' | 'output' | 'close'> {
  return { input: message.socket, output: message, close: () => message.socket.destroy() };
}

function lengthOf(method: string, body: TransportRequest['body']): Record<string, string> {
  if (typeof body === 'string') return { 'Content-Length': String(Buffer.byteLength(body)) };
  if (body === undefined && method !== 'GET' && method !== 'HEAD') return { 'Content-Length': '0' };
  return {};
}
