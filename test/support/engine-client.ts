import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

export interface Answer {
  readonly status: number;
  /** parsed JSON, else text; `undefined` when empty */
  readonly body: unknown;
}

export interface StreamAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly response: IncomingMessage;
}

/** A connection that left HTTP behind: attach, exec, build sessions. */
export interface Hijacked {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
}

export interface RequestOptions {
  readonly headers?: OutgoingHttpHeaders;
  /** objects are sent as JSON; strings, buffers and streams as they are */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Speaks HTTP to one engine socket. Every request has its own connection. */
export class EngineClient {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** One request, the whole answer. */
  async call(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<Answer> {
    const { status, headers, response } = await this.stream(method, path, { ...options, body });
    const content = await text(response);
    return { status, body: parse(content, headers['content-type']) };
  }

  /** One request; the caller reads the answer as it comes. */
  async stream(method: string, path: string, options: RequestOptions = {}): Promise<StreamAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<StreamAnswer>();
    const outgoing = this.#request(method, path, options);
    outgoing.once('response', response => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, response });
    });
    outgoing.once('upgrade', () => reject(new Error(`${method} ${path} was upgraded; use hijack()`)));
    outgoing.once('error', reject);
    await Promise.race([this.#send(outgoing, options.body), promise]);
    return promise;
  }

  /**
   * Asks for the connection itself, as the Docker command line does for attach and exec.
   * An answer that is no take-over has its status here too; its body is on the socket then.
   */
  async hijack(method: string, path: string, options: RequestOptions = {}): Promise<Hijacked> {
    const { promise, resolve, reject } = Promise.withResolvers<Hijacked>();
    const headers = { connection: 'Upgrade', upgrade: 'tcp', ...options.headers };
    const outgoing = this.#request(method, path, { ...options, headers });
    outgoing.once('upgrade', (response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      // node:http hands out the connection it made, a net.Socket
      resolve({ status: response.statusCode ?? 0, headers: response.headers, socket: socket as Socket });
    });
    outgoing.once('response', response => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, socket: response.socket });
    });
    outgoing.once('error', reject);
    await Promise.race([this.#send(outgoing, options.body), promise]);
    return promise;
  }

  #request(
    method: string,
    path: string,
    { headers, body, signal }: RequestOptions,
  ): ReturnType<typeof request> {
    const isJson = body !== undefined && !isRaw(body);
    return request({
      socketPath: this.socketPath,
      method,
      path,
      agent: false,
      headers: { host: 'quai', ...(isJson ? { 'content-type': 'application/json' } : {}), ...headers },
      ...(signal ? { signal } : {}),
    });
  }

  async #send(outgoing: ReturnType<typeof request>, body: unknown): Promise<void> {
    if (isStream(body)) await pipeline(body, outgoing);
    else if (body === undefined) outgoing.end();
    else outgoing.end(isRaw(body) ? body : JSON.stringify(body));
  }
}

function isRaw(body: unknown): body is string | Buffer | Readable {
  return typeof body === 'string' || Buffer.isBuffer(body) || isStream(body);
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body;
}

function parse(content: string, type: string | undefined): unknown {
  if (content === '') return undefined;
  if (!type?.includes('json')) return content;
  try {
    return JSON.parse(content) as unknown;
  } catch {
    return content; // several documents, as in progress streams
  }
}
