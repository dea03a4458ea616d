import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { createServer } from '#base/node-http';

/** What a plugin answers: an object is sent as JSON with status 200. */
export type FakeAnswer =
  | object
  | { readonly status: number; readonly raw: string }
  | 'hang'
  | 'vanish'
  | 'switch protocols'
  | 'endless';

export type FakeMethods = Readonly<Record<string, (request: never) => FakeAnswer | Promise<FakeAnswer>>>;

/** For tests: a real plugin, an HTTP server on a Unix socket, that behaves as it is told. */
export class FakePlugin implements AsyncDisposable {
  readonly socketPath: string;
  /** methods called, in order */
  readonly calls: string[] = [];
  /** what the calls brought with them */
  readonly requests: unknown[] = [];
  readonly accepts = new Set<string>();
  readonly #server: Server;

  private constructor(socketPath: string, methods: FakeMethods) {
    this.socketPath = socketPath;
    this.#server = createServer((request, response) => void this.#serve(request, response, methods));
  }

  /** `methods` by name; `Plugin.Activate` unless given says that it implements `capabilities`. */
  static async start(
    socketPath: string,
    {
      capabilities = [],
      methods = {},
    }: { readonly capabilities?: readonly string[]; readonly methods?: FakeMethods },
  ): Promise<FakePlugin> {
    const activate = { 'Plugin.Activate': () => ({ Implements: capabilities }) };
    const plugin = new FakePlugin(socketPath, { ...activate, ...methods });
    plugin.#server.listen(socketPath);
    await once(plugin.#server, 'listening');
    return plugin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, methods: FakeMethods): Promise<void> {
    const method = (request.url ?? '').slice(1);
    const body = await text(request);
    this.calls.push(method);
    this.accepts.add(request.headers.accept ?? '');
    const parsed: unknown = JSON.parse(body === '' ? '{}' : body);
    this.requests.push(parsed);
    const handler = methods[method];
    if (!handler) return void response.writeHead(404).end('404 page not found\n');
    // Each method of a fake knows what it is sent.
    send(response, await handler(parsed as never));
  }
}

function send(response: ServerResponse, answer: FakeAnswer): void {
  if (answer === 'hang') return;
  if (answer === 'vanish') return void response.destroy();
  if (answer === 'switch protocols') {
    const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
    return void response.socket?.write(head);
  }
  if (answer === 'endless') {
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    return more();
  }
  if ('raw' in answer && 'status' in answer) {
    return void response.writeHead(Number(answer.status)).end(String(answer.raw));
  }
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
}
