import { PassThrough, Readable } from 'node:stream';
import type { Hijacked, Transport, TransportReply, TransportRequest } from './transport.ts';

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object goes out as JSON. */
  readonly body?: string | Uint8Array | object;
}

/** Answers by `METHOD /path` without version and query; a function sees the request. What is missing is a 404. */
export type FakeRoutes = Readonly<Record<string, FakeAnswer | ((request: SeenRequest) => FakeAnswer)>>;

export interface SeenRequest {
  readonly method: string;
  /** as sent, with version and query */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An engine for tests, in memory. A call that is hijacked gets the route's body as its output, and keeps its input. */
export class FakeTransport implements Transport {
  readonly address = 'unix:///fake.sock';
  readonly seen: SeenRequest[] = [];
  /** What was sent over hijacked connections. */
  input = '';
  isClosed = false;
  readonly #routes: FakeRoutes;
  readonly #apiVersion: string;

  constructor(routes: FakeRoutes, { apiVersion = '1.55' }: { readonly apiVersion?: string } = {}) {
    this.#routes = routes;
    this.#apiVersion = apiVersion;
  }

  /** `METHOD /path` of every request, without version and query. */
  get log(): string[] {
    return this.seen.map(routeOf);
  }

  async request(request: TransportRequest): Promise<TransportReply> {
    const { status = 200, headers = {}, body = '' } = this.#answer(await this.#see(request));
    const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    return {
      status,
      headers: { 'api-version': this.#apiVersion, ...headers },
      body: Readable.from(bytes.length > 0 ? [Buffer.from(bytes)] : []),
    };
  }

  async hijack(request: TransportRequest): Promise<Hijacked | TransportReply> {
    const reply = await this.request(request);
    if (reply.status >= 400) return reply;
    const input = new PassThrough();
    input.on('readable', () => {
      const bytes: unknown = input.read();
      if (bytes instanceof Buffer) this.input += bytes.toString();
    });
    return { status: 101, headers: reply.headers, input, output: reply.body, close: () => input.destroy() };
  }

  close(): void {
    this.isClosed = true;
  }

  async #see(request: TransportRequest): Promise<SeenRequest> {
    const { method, path, headers = {}, body = '' } = request;
    const query = Object.fromEntries(new URL(path, 'http://fake').searchParams);
    const text = typeof body === 'string' ? body : Buffer.concat(await body.toArray()).toString();
    const seen = { method, path, query, headers, body: text };
    this.seen.push(seen);
    return seen;
  }

  #answer(request: SeenRequest): FakeAnswer {
    const version = /^\/v([\d.]+)\//.exec(request.path)?.[1];
    if (version && Number(version.slice(2)) > Number(this.#apiVersion.slice(2))) {
      return { status: 400, body: { message: `client version ${version} is too new` } };
    }
    const answer = this.#routes[routeOf(request)];
    if (typeof answer === 'function') return answer(request);
    return answer ?? { status: 404, body: { message: `no such route: ${routeOf(request)}` } };
  }
}

function routeOf({ method, path }: SeenRequest): string {
  return `${method} ${path.replace(/^\/v[\d.]+/, '').replace(/\?.*/, '')}`;
}
