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

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
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
  for (const body of [undefined, 'text', Readable.from([Buffer.from('a'), Buffer.from('b')])]) {
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

test("request() reads what has a length, nothing, or no end but the connection's", async () => {
  const answers = [
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: 1\r\nx-a: 2\r\n\r\nabc',
    'HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\n\r\n',
  ];
  let connections = 0;
  await using server = await new RawServer(socket => {
    connections++;
    const serve = (): void =>
      onHead(socket, () => {
        const answer = answers.shift();
        if (answer === undefined) return void socket.end('HTTP/1.0 200 OK\r\n\r\nto the end');
        socket.write(answer);
        serve();
      });
    serve();
  }).listen();
  const transport = new HttpTransport({ socketPath: server.socketPath });
  const seen: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const { status, headers, body } = await transport.request({ method: 'GET', path: '/x' });
    seen.push([status, await textOf(body), headers['x-a']]);
  }
  assert.deepEqual(seen, [
    [200, 'abc', '1, 2'],
    [204, '', undefined],
    [304, '', undefined],
    [200, 'to the end', undefined],
  ]);
  assert.equal(connections, 1);
  transport.close();
});

test('request() uses another connection after one whose answer was left unread, or that the engine wants closed', async () => {
  let connections = 0;
  await using server = await new RawServer(socket => {
    connections++;
    const end =
      connections === 1 ? 'Content-Length: 9\r\n\r\npart' : 'Connection: close\r\nContent-Length: 0\r\n\r\n';
    onHead(socket, () => socket.write(`HTTP/1.1 200 OK\r\n${end}`));
  }).listen();
  const transport = new HttpTransport({ socketPath: server.socketPath });
  const left = await transport.request({ method: 'GET', path: '/x' });
  for await (const _ of left.body) break;
  for (let i = 0; i < 2; i++)
    assert.equal(await textOf((await transport.request({ method: 'GET', path: '/x' })).body), '');
  assert.equal(connections, 3);
  transport.close();
});

for (const [answer, message] of [
  ['', 'the engine closed the connection'],
  ['SSH-2.0-OpenSSH\r\n\r\n', 'what listens there does not speak HTTP: "SSH-2.0-OpenSSH"'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc', 'the engine cut its answer short'],
  ['HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc', 'the engine sent a wrong Content-Length: x'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'the engine sent a chunk of no valid size'],
] as const) {
  test(`request() fails when the engine sends ${JSON.stringify(answer)}`, async () => {
    await using server = await new RawServer(socket => onHead(socket, () => socket.end(answer))).listen();
    const transport = new HttpTransport({ socketPath: server.socketPath });
    const read = async (): Promise<string> =>
      textOf((await transport.request({ method: 'GET', path: '/' })).body);
    await assert.rejects(read(), { message });
    transport.close();
  });
}

test('request() refuses a line break in what would become its head', async () => {
  await using server = await new RawServer(() => undefined).listen();
  const transport = new HttpTransport({ socketPath: server.socketPath });
  await assert.rejects(transport.request({ method: 'GET', path: '/x\r\nEvil: 1' }), RangeError);
  transport.close();
});

test('a connection that serves many requests gathers no listeners, and ends with the signal of its last', async () => {
  const sockets = new Set<Socket>();
  await using server = await new RawServer(socket => {
    sockets.add(socket);
    const serve = (): void =>
      onHead(socket, head => {
        const isLast = head.startsWith('GET /last');
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${isLast ? 'o' : 'ok'}`);
        serve();
      });
    serve();
  }).listen();
  const transport = new HttpTransport({ socketPath: server.socketPath });
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', onWarning);
  const { signal } = new AbortController();
  for (let i = 0; i < 20; i++) {
    assert.equal(await textOf((await transport.request({ method: 'GET', path: '/', signal })).body), 'ok');
  }
  const controller = new AbortController();
  const last = await transport.request({ method: 'GET', path: '/last', signal: controller.signal });
  const reading = textOf(last.body);
  controller.abort(new Error('enough'));
  await assert.rejects(reading, { message: 'enough' });
  process.off('warning', onWarning);
  assert.deepEqual([warnings, sockets.size], [[], 1]);
  transport.close();
});
