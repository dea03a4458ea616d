import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { request } from '#base/node-http';
import type { HttpServer } from './http-server.ts';

export interface ProbeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** the body as JSON; throws when it is not */
  json(): unknown;
}

/** For tests: a server on a socket in a temporary folder, and clients of it, well-behaved or not. */
export class ServerProbe implements AsyncDisposable {
  readonly socketPath: string;
  readonly #server: HttpServer;
  readonly #folder: string;

  private constructor(server: HttpServer, folder: string) {
    this.#server = server;
    this.#folder = folder;
    this.socketPath = join(folder, 'probe.sock');
  }

  static async start(server: HttpServer): Promise<ServerProbe> {
    const probe = new ServerProbe(server, await mkdtemp(join(tmpdir(), 'quai-probe-')));
    server.server.listen(probe.socketPath);
    await once(server.server, 'listening');
    return probe;
  }

  async call(
    method: string,
    path: string,
    options: { readonly headers?: Record<string, string>; readonly body?: unknown } = {},
  ): Promise<ProbeAnswer> {
    const { body } = options;
    const isJson = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
    const outgoing = request({
      socketPath: this.socketPath,
      method,
      path,
      headers: { ...(isJson ? { 'Content-Type': 'application/json' } : {}), ...options.headers },
    });
    outgoing.end(isJson ? JSON.stringify(body) : body);
    // 'response' hands over exactly this.
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const content = await text(response);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: content,
      json: () => JSON.parse(content) as unknown,
    };
  }

  /** A connection on which `head` has been sent, for what an HTTP client would never do. */
  open(head = ''): Socket {
    const socket = connect({ path: this.socketPath, allowHalfOpen: true });
    if (head !== '') socket.write(head);
    return socket;
  }

  /** Everything the server says to `head` until it closes the connection. */
  async converse(head: string): Promise<string> {
    const socket = this.open();
    socket.end(head);
    return await text(socket);
  }

  /** Resolves once the server has let go of every connection. */
  async untilNobodyIsConnected(): Promise<void> {
    const { server } = this.#server;
    for (;;) {
      const count = await new Promise<number>((resolve, reject) =>
        server.getConnections((error, open) => (error ? reject(error) : resolve(open))),
      );
      if (count === 0) return;
      await new Promise(resolve => setImmediate(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Reads from `stream` until what has come so far holds `wanted`. */
export async function readUntil(stream: NodeJS.ReadableStream, wanted: string): Promise<string> {
  let seen = '';
  while (!seen.includes(wanted)) {
    const chunk = stream.read() as Buffer | null; // no encoding is set
    if (chunk) seen += chunk.toString('latin1');
    else
      await Promise.race([once(stream, 'readable'), once(stream, 'end').then(() => failShort(seen, wanted))]);
  }
  return seen;
}

function failShort(seen: string, wanted: string): never {
  throw new Error(`the stream ended without ${JSON.stringify(wanted)}: ${JSON.stringify(seen)}`);
}
