import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { sha256 } from './image-archive.ts';

export interface ScriptedAnswer {
  readonly type?: string;
  readonly body: Buffer;
}

export interface Asked {
  readonly method: string;
  /** of the repository, one word */
  readonly name: string;
  /** after the name; all of it where there is none: `/v2/` */
  readonly path: string;
  readonly request: IncomingMessage;
}

/** A registry that says what a test wants, under any name, and notes what it was asked. Dispose it with `await using`. */
export class ScriptedRegistry implements AsyncDisposable {
  /** `METHOD path` */
  readonly asked: string[] = [];
  /** by path after the name */
  readonly answers = new Map<string, ScriptedAnswer>();
  /** Asked first; `true`: it has answered, or will. */
  handle: (asked: Asked, response: ServerResponse) => boolean = () => false;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  static async start(): Promise<ScriptedRegistry> {
    const registry = new ScriptedRegistry();
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  /** `127.0.0.1:port` */
  get host(): string {
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === 'object');
    return `127.0.0.1:${address.port}`;
  }

  /** A manifest under a tag and its digest. */
  tag(bytes: Buffer, type: string): void {
    for (const name of ['1', sha256(bytes)]) this.answers.set(`manifests/${name}`, { type, body: bytes });
  }

  blob(bytes: Buffer, digest: string = sha256(bytes)): void {
    this.answers.set(`blobs/${digest}`, { body: bytes });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '' } = request;
    const [, name = '', path = url] = /^\/v2\/([a-z]+)\/(.*)$/.exec(url) ?? [];
    this.asked.push(`${method} ${path}`);
    if (this.handle({ method, name, path, request }, response)) return;
    const answer = this.answers.get(path);
    if (!answer) return void response.writeHead(path === '/v2/' ? 200 : 404).end('{}');
    response.writeHead(200, headersOf(answer)).end(method === 'HEAD' ? undefined : answer.body);
  }
}

export function headersOf({ type = 'application/octet-stream', body }: ScriptedAnswer) {
  return { 'content-type': type, 'content-length': body.length };
}
