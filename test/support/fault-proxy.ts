import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** What becomes of an answer on its way back. */
export interface Fault {
  /** This instead of asking the server at all. */
  readonly answer?: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  /** The connection is cut after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Nothing more comes after so many bytes. */
  readonly stallAfter?: number;
  /** The byte at this place is another. */
  readonly corruptAt?: number;
  /** The head comes so late. */
  readonly delayMs?: number;
  /** Ranges are ignored: the whole comes. */
  readonly ignoresRanges?: boolean;
  /** Bytes without end follow, whatever the length was said to be. */
  readonly endless?: boolean;
  /** replaces headers of the answer; an empty one takes it away */
  readonly headers?: Readonly<Record<string, string>>;
  /** The request's body is cut after so many bytes. */
  readonly cutRequestAfter?: number;
  /** The body comes after this; the head at once. */
  readonly bodyAfter?: Promise<void> | undefined;
  /** The answer was passed on to its end. */
  readonly onEnd?: () => void;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
}

/** Stands before a server, and passes on what it says with faults. Dispose it with `await using`. */
export class FaultProxy implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  /** asked for every request, which waits for the answer; `undefined`: it passes as it is */
  fault: (request: SeenRequest, count: number) => Fault | undefined | Promise<Fault | undefined> = () =>
    undefined;
  readonly #server: Server;
  readonly #upstream: number;

  private constructor(upstream: number) {
    this.#upstream = upstream;
    this.#server = http.createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  static async before(upstreamPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstreamPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get port(): number {
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === 'object');
    return address.port;
  }

  /** New connections are refused; those that are there go on. */
  stopListening(): void {
    this.#server.close();
  }

  listenAgain(port: number): void {
    this.#server.listen(port, '127.0.0.1');
  }

  /** Requests whose path holds `word`. */
  count(word: string): number {
    return this.seen.filter(({ path }) => path.includes(word)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers };
    this.seen.push(seen);
    const fault = (await this.fault(seen, this.seen.length)) ?? {};
    if (fault.delayMs !== undefined) await pause(fault.delayMs, undefined, { ref: false });
    if (fault.answer) {
      const { status, headers = {}, body = '' } = fault.answer;
      request.resume();
      response.writeHead(status, headers).end(body);
      return;
    }
    const answer = await this.#forward(request, fault);
    if (!answer) return;
    const headers: Record<string, string | string[] | undefined> = { ...answer.headers, ...fault.headers };
    for (const [name, value] of Object.entries(headers)) if (value === '') delete headers[name];
    if (fault.endless) delete headers['content-length'];
    response.writeHead(answer.statusCode ?? 500, headers);
    if (fault.bodyAfter) {
      response.flushHeaders();
      await fault.bodyAfter;
    }
    await passOn(answer, response, fault);
    fault.onEnd?.();
  }

  async #forward(request: IncomingMessage, fault: Fault): Promise<IncomingMessage | undefined> {
    const headers = { ...request.headers };
    if (fault.ignoresRanges) delete headers.range;
    const outgoing = http.request({
      host: '127.0.0.1',
      port: this.#upstream,
      method: request.method,
      path: request.url,
      headers,
    });
    outgoing.on('error', () => request.socket.destroy());
    let passed = 0;
    request.on('data', (chunk: Buffer) => {
      const rest = (fault.cutRequestAfter ?? Number.POSITIVE_INFINITY) - passed;
      passed += chunk.length;
      if (chunk.length < rest) outgoing.write(chunk);
      else {
        outgoing.write(chunk.subarray(0, rest), () => outgoing.destroy());
        request.socket.destroy();
      }
    });
    request.on('end', () => outgoing.end());
    const [answer] = (await once(outgoing, 'response').catch(() => [undefined])) as [
      IncomingMessage | undefined,
    ];
    return answer;
  }
}

async function passOn(answer: IncomingMessage, response: ServerResponse, fault: Fault): Promise<void> {
  let passed = 0;
  const limit = Math.min(
    fault.cutAfter ?? Number.POSITIVE_INFINITY,
    fault.stallAfter ?? Number.POSITIVE_INFINITY,
  );
  for await (const chunk of answer) {
    const bytes = Buffer.from(chunk as Buffer);
    const at = (fault.corruptAt ?? -1) - passed;
    if (at >= 0 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    const rest = limit - passed;
    passed += bytes.length;
    if (!response.write(bytes.subarray(0, Math.min(bytes.length, rest)))) await once(response, 'drain');
    if (bytes.length < rest) continue;
    if (fault.stallAfter !== undefined) return; // the connection stays open
    response.destroy();
    return;
  }
  response.setMaxListeners(0);
  while (fault.endless && !response.destroyed) {
    if (!response.write(Buffer.alloc(65_536)))
      await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  response.end();
}
