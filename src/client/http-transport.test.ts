import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { HttpTransport } from './http-transport.ts';

/** A server that speaks raw bytes on a socket of its own, so that a test decides every one of them. */
class RawServer implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'quai-client-'));
  readonly socketPath = path.join(this.folder, 's.sock');
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(serve: (socket: Socket) => void) {
    this.#server = createServer({ allowHalfOpen: true }, socket => {
      this.#sockets.add(socket);
      serve(socket);
    });
  }

  async listen(): Promise<this> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(this.socketPath, resolve);
    await promise;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
    rmSync(this.folder, { recursive: true });
  }
}

async function textOf(stream: Readable): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString();
}

/** Calls back with the head of a request, and with what came after it in the same piece. */
function onHead(socket: Socket, then: (head: string, rest: string) => void): void {
  let text = '';
  const listen = (chunk: Buffer): void => {
    text += chunk.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end === -1) return;
    socket.off('data', listen);
    then(text.slice(0, end), text.slice(end + 4));
  };
  socket.on('data', listen);
}

test('hijack() gives both directions, also what came with the 101, and a half-close that leaves the other open', async () => {
  let head = '';
  await using server = await new RawServer(socket => {
    onHead(socket, (text, rest) => {
      head = text;
      let input = rest;
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly ');
      socket.on('data', chunk => {
        input += chunk.toString();
      });
      socket.on('end', () => socket.end(`got ${input}`));
    });
  }).listen();
  const transport = new HttpTransport({ socketPath: server.socketPath });

  const reply = await transport.hijack({ method: 'POST', path: '/exec/1/start', body: '{}' });
  assert.ok('input' in reply);
  reply.input.end(' and more');
  assert.equal(await textOf(reply.output), 'early got {} and more');
  assert.match(head, /^POST \/exec\/1\/start HTTP\/1\.1/);
  assert.match(head, /\r\nUpgrade: tcp/i);
  assert.match(head, /\r\nConnection: Upgrade/i);
  transport.close();
});

test('hijack() takes a connection over that an old engine hands out with a plain 200', async () => {
  await using server = await new RawServer(socket => {
    onHead(socket, () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nout ');
      socket.on('data', chunk => socket.end(`echo ${chunk.toString()}`));
    });
  }).listen();
  const transport = new HttpTransport({ socketPath: server.socketPath });
  const reply = await transport.hijack({ method: 'POST', path: '/attach' });
  assert.ok('input' in reply);
  reply.input.write('in');
  assert.equal(await textOf(reply.output), 'out echo in');
  transport.close();
});

test('hijack() resolves to the reply when the engine refuses', async () => {
  await using server = await new RawServer(socket => {
    onHead(socket, () => socket.end('HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno'));
  }).listen();
  const transport = new HttpTransport({ socketPath: server.socketPath });
  const reply = await transport.hijack({ method: 'POST', path: '/attach' });
  assert.ok('body' in reply);
  assert.deepEqual([reply.status, await textOf(reply.body)], [409, 'no']);
  transport.close();
});

test('request() keeps one connection, sends streams in chunks and reads chunked answers', async () => {
  let connections = 0;
  await using server = await new RawServer(socket => {
    connections++;
    const serve = (): void =>
      onHead(socket, (head, rest) => {
        const answer = (): void => {
          socket.write(
            'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
          );
          serve();
        };
        if (!/transfer-encoding: chunked/i.test(head) || rest.endsWith('0\r\n\r\n')) answer();
        else socket.on('data', chunk => chunk.toString().endsWith('0\r\n\r\n') && answer());
      });
    serve();
  }).listen();
  const transport = new HttpTransport({ socketPath: server.socketPath });
  for (const body of [undefined, 'text', Readable.from(['a', 'b'])]) {
    const reply = await transport.request({
      method: 'POST',
      path: '/x',
      ...(body === undefined ? {} : { body }),
    });
    assert.equal(await textOf(reply.body), 'abcde');
  }
  assert.equal(connections, 1);
  transport.close();
});

test('request() says which address does not answer, and the reason as the system names it', async () => {
  const transport = new HttpTransport({ socketPath: '/nonexistent/quai.sock' });
  await assert.rejects(transport.request({ method: 'GET', path: '/' }), {
    name: 'ConnectionError',
    code: 'ENOENT',
    address: 'unix:///nonexistent/quai.sock',
  });
});

test('request() ends with the reason of its signal', async () => {
  await using server = await new RawServer(() => undefined).listen();
  const transport = new HttpTransport({ socketPath: server.socketPath });
  const controller = new AbortController();
  const waiting = transport.request({ method: 'GET', path: '/', signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, { message: 'enough' });
  transport.close();
});
