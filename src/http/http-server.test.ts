import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { silentLogger } from '#base/logger';
import { HttpError } from './http-error.ts';
import { createHttpServer, type Edge, type HttpServer } from './http-server.ts';
import { type Reply, reply, type TakeoverReply } from './reply.ts';
import { type Route, route } from './route.ts';
import { readUntil, ServerProbe } from './server-probe.ts';

const edge: Edge = {
  headers: { 'X-Common': 'yes' },
  admit: (_request, path) => ({ path, version: 7 }),
  fail: error => {
    const status = error instanceof HttpError ? error.status : error instanceof EngineError ? 400 : 500;
    return reply.json({ message: messageOf(error) }, status);
  },
};

function serve(...routes: Route[]): HttpServer {
  return createHttpServer({ routes, edge, logger: silentLogger });
}

/** Answers everything with `reply`, and tells what became of the request. */
function session(run: TakeoverReply['run']): Reply {
  return {
    type: 'takeover',
    upgradedHeaders: { 'Content-Type': 'framed' },
    plainHeaders: { 'Content-Type': 'raw' },
    run,
  };
}

const echo = route('POST', '/echo', { takesOver: true }, () =>
  session(async connection => {
    for await (const chunk of connection.iterator({ destroyOnReturn: false })) connection.write(chunk);
    connection.write('<end>');
  }),
);

const echoWithBody = route(
  'POST',
  '/exec',
  { takesOver: true, body: v.nullish(v.object({ word: v.string() })) },
  ({ body }) =>
    session(async connection => {
      connection.write(`<${body?.word}>`);
      for await (const chunk of connection.iterator({ destroyOnReturn: false })) connection.write(chunk);
      connection.write('<end>');
    }),
);

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';

test('a handler gets the parts of the request parsed by their schemas', async () => {
  const input = {
    params: v.object({ name: v.pipe(v.string(), v.toUpperCase()) }),
    query: v.object({
      n: v.pipe(
        v.array(v.string()),
        v.transform(values => values.map(Number)),
      ),
    }),
    body: v.object({ a: v.string() }),
  };
  const seen = route('PUT', '/things/{name}/x', input, ({ params, query, body, version, path }) =>
    reply.json({ params, query, body, version, path }),
  );
  await using probe = await ServerProbe.start(serve(seen));

  const answer = await probe.call('PUT', '/things/a%2Fb/x?n=1&n=2', { body: { a: 'é' } });

  assert.equal(answer.status, 200);
  assert.equal(answer.headers['x-common'], 'yes');
  assert.deepEqual(answer.json(), {
    params: { name: 'A/B' },
    query: { n: [1, 2] },
    body: { a: 'é' },
    version: 7,
    path: '/things/a/b/x',
  });
});

test('an upgrade takes the connection over, keeps early input, and half closes', async () => {
  await using probe = await ServerProbe.start(serve(echo));
  const answer = await probe.converse(`POST /echo HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\nearly`);
  assert.equal(
    answer,
    'HTTP/1.1 101 UPGRADED\r\nX-Common: yes\r\nContent-Type: framed\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly<end>',
  );
});

for (const cut of [0, 5, 17]) {
  test(`an upgrade with a JSON body reads it first, with ${cut} bytes of it coming later`, async () => {
    await using probe = await ServerProbe.start(serve(echoWithBody));
    const body = '{"word":"hello"}';
    const all = `${body}input`;
    const head = `POST /exec HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${UPGRADE}\r\n`;
    const socket = probe.open(head + all.slice(0, all.length - cut));
    if (cut > 0) await new Promise(resolve => setImmediate(resolve));
    socket.end(all.slice(all.length - cut));
    const answer = await text(socket);
    assert.match(answer, /^HTTP\/1\.1 101 UPGRADED\r\n.*\r\n\r\n<hello>input<end>$/s);
  });
}

test('without an upgrade the connection is taken over after 200, input and all', async () => {
  await using probe = await ServerProbe.start(serve(echo));
  const socket = probe.open('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n\r\n');
  const head = await readUntil(socket, '\r\n\r\n');
  assert.equal(head, 'HTTP/1.1 200 OK\r\nX-Common: yes\r\nContent-Type: raw\r\n\r\n');
  socket.write('GET / HTTP/1.1\r\n\r\n'); // what looks like a request is input all the same
  await readUntil(socket, 'GET / HTTP/1.1\r\n\r\n');
  socket.end('late');
  assert.equal(await text(socket), 'late<end>');
});

test('without an upgrade a body of known length is read, and what follows is the input', async () => {
  await using probe = await ServerProbe.start(serve(echo, echoWithBody));
  const body = '{"word":"hello"}';
  const rest = `HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  for (const [path, greeting] of [
    ['/exec', '<hello>'],
    ['/echo', ''],
  ]) {
    const socket = probe.open(`POST ${path} ${rest}`);
    const head = await readUntil(socket, '\r\n\r\n');
    socket.end('input');
    const answer = head + (await text(socket));
    assert.equal(answer.slice(answer.indexOf('\r\n\r\n') + 4), `${greeting}input<end>`);
  }
});

test('without an upgrade a chunked body is the input', async () => {
  await using probe = await ServerProbe.start(serve(echo));
  const head = 'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
  const socket = probe.open(`${head}3\r\nabc\r\n`);
  const seen = await readUntil(socket, 'abc');
  assert.match(seen, /^HTTP\/1\.1 200 OK\r\n/);
  assert.doesNotMatch(seen, /chunked/);
  socket.write('0\r\n\r\n');
  assert.equal(await text(socket), '<end>');
});

test('an upgrade that a route does not take is an ordinary request', async () => {
  await using probe = await ServerProbe.start(serve(route('GET', '/info', {}, () => reply.text('fine'))));
  const headers = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' };
  const answer = await probe.call('GET', '/info', { headers });
  assert.equal(answer.status, 200);
  const other = await probe.call('GET', '/info', { headers: { Connection: 'Upgrade', Upgrade: 'tcp' } });
  assert.equal(other.text, 'fine');
});

test('an error before a take-over is an ordinary answer on the upgraded connection', async () => {
  const failing = route('POST', '/fail', { takesOver: true }, () => {
    throw new EngineError('invalid', 'no such thing');
  });
  await using probe = await ServerProbe.start(serve(failing));
  const answer = await probe.converse(`POST /fail HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`);
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(answer, /Connection: close\r\n/);
  assert.match(answer, /\r\n\r\n\{"message":"no such thing"\}\n$/);
});

test('a client that is still sending when it is refused can send on, and reads the answer', async () => {
  const refusing = route('PUT', '/refuse', {}, () => {
    throw new EngineError('notFound', 'no such thing');
  });
  await using probe = await ServerProbe.start(serve(refusing));
  const socket = probe.open('PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*Connection: close\r\n/);
  for (let sent = 0; sent < 1_000_000; sent += 100_000) {
    await new Promise<void>((resolve, reject) => {
      socket.write(Buffer.alloc(100_000), error => (error ? reject(error) : resolve()));
    });
  }
  socket.end();
  await once(socket, 'close');
});

test('a client that leaves aborts its request, and the server lives on', async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const waiting = route('GET', '/wait', {}, async ({ signal }) => {
    reach();
    await once(signal, 'abort');
    resolve();
    return reply.text('nobody reads this');
  });
  await using probe = await ServerProbe.start(serve(waiting, echo));
  const socket = probe.open('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n');
  await reached;
  socket.destroy();
  await aborted;
  assert.equal((await probe.call('GET', '/nothing')).status, 404);
});

test('a client that leaves ends a stream: the source is closed', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) {
        yield 'line\n';
        await new Promise(next => setImmediate(next));
      }
    } finally {
      resolve();
    }
  }
  await using probe = await ServerProbe.start(
    serve(route('GET', '/lines', {}, () => reply.stream('text/plain', endless()))),
  );
  const socket = probe.open('GET /lines HTTP/1.1\r\nHost: x\r\n\r\n');
  await readUntil(socket, 'line\n');
  socket.destroy();
  await closed;
});

test('the head of a stream goes out before its first chunk', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  async function* late(): AsyncGenerator<string> {
    await gate;
    yield 'done';
  }
  await using probe = await ServerProbe.start(
    serve(route('POST', '/late', {}, () => reply.stream('application/json', late()))),
  );
  const socket = probe.open('POST /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  assert.match(await readUntil(socket, '\r\n\r\n'), /^HTTP\/1\.1 200 OK\r\n/);
  open();
  assert.match(await text(socket), /done/);
});

test('a stream that fails breaks the connection off, so that the client knows', async () => {
  async function* broken(): AsyncGenerator<string> {
    yield 'half';
    throw new EngineError('dataLoss', 'the rest is gone');
  }
  await using probe = await ServerProbe.start(
    serve(route('GET', '/half', {}, () => reply.stream('text/plain', broken()))),
  );
  const answer = await probe.converse('GET /half HTTP/1.1\r\nHost: x\r\n\r\n').catch(String);
  assert.doesNotMatch(answer, /\r\n0\r\n\r\n$/);
});

test('a connection on which nothing happens is cut, where that is wanted', async () => {
  const slow = route('POST', '/slow', {}, async ({ bytes, peer }) => reply.json([await text(bytes), peer]));
  await using probe = await ServerProbe.start(
    createHttpServer({ routes: [slow], edge, logger: silentLogger, stallMs: 50 }),
  );
  const stalled = probe.open('POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
  assert.doesNotMatch(await text(stalled).catch(String), /200 OK/);
  const answer = await probe.call('POST', '/slow', { body: 'abcde' });
  assert.deepEqual(answer.json(), ['abcde', { address: '', isSecure: false }]);
});

test('an error is told by what the request was for', async () => {
  const byPath: Edge = {
    ...edge,
    fail: (error, { url }) => reply.text(`${url}: ${messageOf(error)}`),
  };
  await using probe = await ServerProbe.start(
    createHttpServer({ routes: [], edge: byPath, logger: silentLogger }),
  );
  assert.equal((await probe.call('GET', '/none?x=1')).text, '/none?x=1: page not found');
});

test('close() ends streams and taken connections', async () => {
  async function* silent(signal: AbortSignal): AsyncGenerator<string> {
    await once(signal, 'abort');
    yield '';
  }
  const server = serve(
    echo,
    route('GET', '/silent', {}, ({ signal }) => reply.stream('text/plain', silent(signal))),
    route('POST', '/mute', { takesOver: true }, () =>
      session(async (_connection, { signal }) => {
        await once(signal, 'abort');
      }),
    ),
  );
  await using probe = await ServerProbe.start(server);
  const stream = probe.open('GET /silent HTTP/1.1\r\nHost: x\r\n\r\n');
  const taken = probe.open(`POST /mute HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`);
  await Promise.all([readUntil(stream, '\r\n\r\n'), readUntil(taken, '\r\n\r\n')]);
  const ends = Promise.all([stream, taken].map(socket => once(socket.resume(), 'end')));
  taken.end();
  await server.close();
  await ends;
});

const NONSENSE: readonly [what: string, bytes: string, status: number][] = [
  ['no HTTP at all', 'hello there\r\n\r\n', 400],
  ['a TLS greeting', '\x16\x03\x01\x02\x00\x01', 400],
  ['a head that is cut', 'GET /info HTTP/1.1\r\nHos', 400],
  ['a head without end', `GET /info HTTP/1.1\r\nX: ${'x'.repeat(300_000)}`, 431],
  [
    'two lengths',
    'POST /exec HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    400,
  ],
  [
    'a length and chunks',
    'POST /exec HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  [
    'a body that is cut',
    'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"a"',
    400,
  ],
  [
    'a bad chunk',
    'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    400,
  ],
  ['no host', 'GET /info HTTP/1.1\r\n\r\n', 400],
  ['a bad path', 'GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
];

for (const [what, bytes, status] of NONSENSE) {
  test(`${what} gets ${status}, and the server lives on`, async () => {
    const things = route('POST', '/things', { body: v.object({}) }, () => reply.noContent());
    await using probe = await ServerProbe.start(serve(things, echoWithBody));
    const answer = await probe.converse(bytes);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.equal((await probe.call('POST', '/things', { body: {} })).status, 204);
  });
}

test('a body too large is refused without being read, and the connection is closed', async () => {
  const things = route('POST', '/things', { body: v.object({}) }, () => reply.noContent());
  await using probe = await ServerProbe.start(serve(things));
  const socket = probe.open(
    `POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${2 ** 40}\r\n\r\n{`,
  );
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /Connection: close/i);
});

test('a body of unknown length that becomes too large is refused while the client is still sending', async () => {
  const things = route('POST', '/things', { body: v.object({}) }, () => reply.noContent());
  await using probe = await ServerProbe.start(serve(things));
  const socket = probe.open(
    'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  socket.on('error', () => undefined); // it may be closed while there is more to send
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000, ' '), Buffer.from('\r\n')]);
  for (let sent = 0; sent < 8; sent += 1) socket.write(chunk);
  assert.match(await text(socket), /^HTTP\/1\.1 413 [^]*request body too large/);
});

test('a handler that fails in the middle of a body it reads is answered for, while the client is still sending', async () => {
  const things = route('POST', '/things', {}, async ({ bytes }) => {
    for await (const _ of bytes) throw new HttpError(507, 'no space left on device');
    return reply.noContent();
  });
  await using probe = await ServerProbe.start(serve(things));
  const socket = probe.open('POST /things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  socket.on('error', () => undefined); // it may be closed while there is more to send
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000, ' '), Buffer.from('\r\n')]);
  for (let sent = 0; sent < 8; sent += 1) socket.write(chunk);
  assert.match(await text(socket), /^HTTP\/1\.1 507 [^]*no space left on device/);
});

test('answers without content have no body, and a connection serves one request after the other', async () => {
  await using probe = await ServerProbe.start(
    serve(
      route('GET', '/a', {}, () => reply.noContent()),
      route('GET', '/b', {}, () => reply.text('b')),
    ),
  );
  const answer = await probe.converse(
    'GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 204 No Content\r\n[^]*\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nb$/);
  assert.doesNotMatch(answer.split('HTTP/1.1 200')[0] ?? '', /Content-Length|Transfer-Encoding/);
});

test('a head may be as large as the server says', async () => {
  const routes = [route('GET', '/', {}, () => reply.empty())];
  const server = createHttpServer({ routes, edge, logger: silentLogger, maxHeadBytes: 8192 });
  await using probe = await ServerProbe.start(server);
  const status = async (length: number): Promise<number> =>
    (await probe.call('GET', '/', { headers: { 'X-Long': 'x'.repeat(length) } })).status;
  assert.deepEqual([await status(4000), await status(9000)], [200, 431]);
});

test('requests that are sent ahead wait until the answers before them are out', async () => {
  let begun = 0;
  const large = route('GET', '/', {}, () => {
    begun += 1;
    return reply.text('x'.repeat(8 * 1024 * 1024));
  });
  const other = route('GET', '/other', {}, () => reply.text(String(begun)));
  await using probe = await ServerProbe.start(serve(large, other));
  const socket = probe.open(`GET / HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(50));
  socket.pause();
  await once(socket, 'readable');
  for (let asked = 0; asked < 5; asked += 1) {
    assert.equal((await probe.call('GET', '/other')).text, '1', 'the client has read nothing yet');
  }
  socket.destroy();
});

test('requests that are sent ahead are all answered, in order', async () => {
  const echoed = route('GET', '/say/{word}', {}, ({ params }) => reply.text(`<${params.word}>`));
  await using probe = await ServerProbe.start(serve(echoed));
  const words = Array.from({ length: 20 }, (_, index) => `w${index}`);
  const heads = words.map((word, index) => {
    const last = index === words.length - 1 ? 'Connection: close\r\n' : '';
    return `GET /say/${word} HTTP/1.1\r\nHost: x\r\n${last}\r\n`;
  });
  const answers = await text(probe.open(heads.join('')));
  assert.deepEqual(
    [...answers.matchAll(/<(w\d+)>/g)].map(([, word]) => word),
    words,
  );
});
