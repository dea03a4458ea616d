import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
  type SecureServerOptions,
} from 'node:http2';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why no certificate can be made here. */
export const cannotMakeCertificate: string | false = existsSync('/usr/bin/openssl')
  ? false
  : 'no openssl: Debian has it as a package';

/** A certificate for 127.0.0.1 and registry.test that is its own authority, in a temporary folder. */
export class Certificate implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'quai-certificate-'));
  readonly certificate = join(this.folder, 'crt');
  readonly key = join(this.folder, 'key');

  constructor() {
    const subject = [
      '-subj',
      '/CN=test',
      '-addext',
      'subjectAltName=IP:127.0.0.1,DNS:registry.test',
      '-days',
      '2',
    ];
    const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', this.key, '-out', this.certificate];
    execFileSync('openssl', ['req', '-x509', ...key, ...subject], { stdio: 'ignore' });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** What becomes of an answer over HTTP/2 on its way back. */
export interface Http2Fault {
  /** The stream ends with this code after so many bytes of the body; 0 is the code of a stream that ends well. */
  readonly reset?: { readonly code: number; readonly after: number };
  /** The connection ends with GOAWAY after so many bytes; without a code it goes on with what was begun. */
  readonly goAway?: { readonly code: number; readonly after: number };
  /** The connection breaks after so many bytes. */
  readonly breakAfter?: number;
  /** Nothing more comes after so many bytes. */
  readonly stallAfter?: number;
  /** The stream is refused before anything is done. */
  readonly refuse?: number;
  /** This is answered at once, without reading the request. */
  readonly answer?: number;
  /** Nothing is answered. */
  readonly silence?: boolean;
}

export interface Http2Seen {
  readonly method: string;
  readonly path: string;
  /** connections are numbered as they come */
  readonly connection: number;
  readonly version: string;
  readonly range: string | undefined;
}

/** Speaks HTTP/2 before a plain registry. Dispose it with `await using`. */
export class Http2Front implements AsyncDisposable {
  readonly seen: Http2Seen[] = [];
  fault: (seen: Http2Seen, nth: number) => Http2Fault | undefined = () => undefined;
  connections = 0;
  readonly #server: Http2SecureServer;
  readonly #upstream: number;
  /** below TLS, by the port of the client */
  readonly #sockets = new Map<number, Socket>();
  readonly #numbers = new WeakMap<object, number>();

  private constructor(upstream: number, files: Certificate, options: SecureServerOptions) {
    this.#upstream = upstream;
    this.#server = createSecureServer({
      cert: readFileSync(files.certificate),
      key: readFileSync(files.key),
      ...options,
    });
    this.#server.on('connection', (socket: Socket) => {
      this.connections += 1;
      const port = socket.remotePort ?? 0;
      this.#sockets.set(port, socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(port));
    });
    this.#server.on('secureConnection', (socket: Socket) => this.#numbers.set(socket, this.connections));
    this.#server.on('session', session => {
      this.#numbers.set(session, this.connections);
      session.on('error', () => undefined);
    });
    this.#server.on('request', (request, response) => {
      this.#serve(request, response).catch(() => response.stream?.destroy());
    });
  }

  static async before(
    upstream: number,
    files: Certificate,
    options: SecureServerOptions = {},
  ): Promise<Http2Front> {
    const front = new Http2Front(upstream, files, options);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  get host(): string {
    const address = this.#server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return `127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets.values()) socket.destroy();
    await once(this.#server, 'close');
  }

  async #serve(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const session: Http2Session | undefined = request.stream?.session;
    const seen: Http2Seen = {
      method: request.method,
      path: request.url,
      connection: this.#numbers.get(session ?? request.socket) ?? 0,
      version: request.httpVersion,
      range: request.headers.range,
    };
    this.seen.push(seen);
    response.setMaxListeners(0);
    const fault = this.fault(seen, this.seen.length) ?? {};
    if (fault.refuse !== undefined) return request.stream.close(fault.refuse);
    if (fault.silence) return;
    if (fault.answer !== undefined) {
      response.writeHead(fault.answer).end('{}');
      return;
    }
    const answer = await this.#forward(request);
    const { connection: _, 'transfer-encoding': __, 'keep-alive': ___, ...headers } = answer.headers;
    response.writeHead(answer.statusCode ?? 500, headers as http.OutgoingHttpHeaders);
    await this.#passOn(answer, request, response, fault);
  }

  async #forward(request: Http2ServerRequest): Promise<IncomingMessage> {
    const headers = Object.entries(request.headers).filter(([name]) => !name.startsWith(':'));
    const outgoing = http.request({
      host: '127.0.0.1',
      port: this.#upstream,
      method: request.method,
      path: request.url,
      headers: { ...Object.fromEntries(headers), host: this.host, 'x-forwarded-proto': 'https' },
    });
    outgoing.on('error', () => request.stream?.destroy());
    request.pipe(outgoing);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    return answer;
  }

  async #passOn(
    answer: IncomingMessage,
    { stream }: Http2ServerRequest,
    response: Http2ServerResponse,
    { reset, goAway, breakAfter, stallAfter }: Http2Fault,
  ): Promise<void> {
    let passed = 0;
    let limit = Math.min(
      ...[reset?.after, goAway?.after, breakAfter, stallAfter].map(at => at ?? Number.POSITIVE_INFINITY),
    );
    for await (const chunk of answer) {
      const bytes = (chunk as Buffer).subarray(0, Math.max(0, limit - passed));
      passed += bytes.length;
      if (!response.write(bytes)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      if (passed < limit || response.destroyed) continue;
      if (stallAfter !== undefined) return;
      if (reset) return stream.close(reset.code);
      if (breakAfter !== undefined)
        return void this.#sockets.get(stream.session?.socket.remotePort ?? 0)?.destroy();
      if (goAway) stream.session?.goaway(goAway.code, stream.id);
      if (goAway?.code !== 0) {
        stream.session?.destroy();
        return;
      }
      response.write((chunk as Buffer).subarray(bytes.length));
      limit = Number.POSITIVE_INFINITY;
    }
    response.end();
  }
}
