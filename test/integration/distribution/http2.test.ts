import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { constants } from 'node:http2';
import https from 'node:https';
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { createServer } from 'node:tls';
import { digestOf } from '#base/ids';
import type { ContentDescriptor, Repository } from '#distribution/repository';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import {
  Certificate,
  cannotMakeCertificate,
  type Http2Fault,
  Http2Front,
  type Http2Seen,
} from '../../support/http2-front.ts';
import { publish } from '../../support/published-image.ts';
import { accepts, cannotRunRegistry, freePort, TestRegistry } from '../../support/registry.ts';
import { until } from '../../support/until.ts';
import { ClientFixture } from './client-fixture.ts';

const skip = cannotRunRegistry || cannotMakeCertificate;
const SMALL = randomBytes(2_000_000);
const LARGE = randomBytes(50_000_000);
let registry: TestRegistry;
let files: Certificate;

before(async () => {
  if (skip) return;
  files = new Certificate();
  registry = await TestRegistry.start();
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'blobs'));
  for (const bytes of [SMALL, LARGE]) await upload(repository, bytes);
});

after(async () => {
  await registry?.[Symbol.asyncDispose]();
  files?.[Symbol.dispose]();
});

function blobOf(bytes: Buffer): ContentDescriptor {
  return { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(bytes), size: bytes.length };
}

async function upload(repository: Repository, bytes: Buffer): Promise<void> {
  await repository.upload(blobOf(bytes), offset =>
    Readable.from(chunksOf(bytes.subarray(offset)), { objectMode: false }),
  );
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

function hostOf(server: Server): string {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `127.0.0.1:${address.port}`;
}

/** Trusts the certificate of the test. */
function fixtureFor(options: ConstructorParameters<typeof ClientFixture>[0] = {}): ClientFixture {
  const rules = join(files.folder, 'rules.json');
  writeFileSync(rules, JSON.stringify({ registries: [{ prefix: '127.0.0.1', ca: files.certificate }] }));
  return new ClientFixture({ rules, ...options });
}

function repositoryAt(fixture: ClientFixture, host: string): Repository {
  const rules = { registries: [{ prefix: host, ca: files.certificate }] };
  writeFileSync(join(files.folder, 'rules.json'), JSON.stringify(rules));
  return fixture.client.repository(fixture.reference(host, 'blobs'));
}

/** Downloads over HTTP/2 with a fault for the n-th request for a blob. */
async function download(
  bytes: Buffer,
  fault: (nth: number, seen: Http2Seen) => Http2Fault | undefined,
  options: ConstructorParameters<typeof ClientFixture>[0] = {},
): Promise<Http2Front> {
  await using front = await Http2Front.before(registry.port, files);
  using fixture = fixtureFor(options);
  let nth = 0;
  front.fault = seen => (seen.path.includes('/blobs/sha256:') ? fault(++nth, seen) : undefined);
  await repositoryAt(fixture, front.host).download(blobOf(bytes), { advance() {} });
  assert.ok(readFileSync(fixture.content.path(digestOf(bytes))).equals(bytes));
  assert.ok(front.seen.every(({ version }) => version === '2.0'));
  return front;
}

function blobsSeen({ seen }: Http2Front): Http2Seen[] {
  return seen.filter(({ path }) => path.includes('/blobs/'));
}

test('a registry that offers HTTP/2 gets it: small requests share a connection, a large blob has a few', {
  skip,
}, async () => {
  await using front = await Http2Front.before(registry.port, files);
  using fixture = fixtureFor();
  const repository = repositoryAt(fixture, front.host);
  await repository.hasBlob(digestOf(SMALL));
  for (const name of ['a', 'b']) await assert.rejects(repository.resolve(name), { kind: 'notFound' });
  await repository.download(blobOf(SMALL), { advance() {} });
  assert.equal(front.connections, 1);
  await repository.download(blobOf(LARGE), { advance() {} });
  assert.ok(front.connections > 1 && front.connections <= 4, String(front.connections));
  assert.ok(readFileSync(fixture.content.path(digestOf(LARGE))).equals(LARGE));
  assert.ok(front.seen.every(({ version }) => version === '2.0'));
});

test('uploads go over HTTP/2, also to a server that takes little at a time', { skip }, async () => {
  const settings = { initialWindowSize: 1000 };
  await using front = await Http2Front.before(registry.port, files, { settings });
  using fixture = fixtureFor();
  const bytes = randomBytes(3_000_000);
  await upload(repositoryAt(fixture, front.host), bytes);
  await repositoryAt(fixture, front.host).download(blobOf(bytes), { advance() {} });
  assert.ok(front.seen.some(({ method }) => method === 'PATCH' || method === 'PUT'));
  assert.ok(front.seen.every(({ version }) => version === '2.0'));
});

for (const [what, fault] of [
  ['a stream that is reset', { reset: { code: constants.NGHTTP2_INTERNAL_ERROR, after: 400_000 } }],
  [
    'a stream that ends too early as if all were well',
    { reset: { code: constants.NGHTTP2_NO_ERROR, after: 400_000 } },
  ],
  ['a stream that is cancelled', { reset: { code: constants.NGHTTP2_CANCEL, after: 400_000 } }],
  [
    'a connection that ends with an error',
    { goAway: { code: constants.NGHTTP2_INTERNAL_ERROR, after: 400_000 } },
  ],
  ['a connection that breaks', { breakAfter: 400_000 }],
] as const satisfies readonly (readonly [string, Http2Fault])[]) {
  test(`a download goes on after ${what}`, { skip }, async () => {
    const front = await download(SMALL, nth => (nth < 4 ? fault : undefined));
    const ranges = blobsSeen(front).map(({ range }) => range);
    assert.equal(ranges.length, 4);
    for (const range of ranges.slice(1))
      assert.match(range ?? '', /^bytes=[1-9]\d*-1999999$/, 'not from the beginning');
  });
}

test('a large blob in parts survives resets and broken connections, each part in its place', {
  skip,
}, async () => {
  await download(LARGE, nth => {
    if (nth % 5 === 2) return { reset: { code: constants.NGHTTP2_INTERNAL_ERROR, after: 3_000_000 } };
    return nth % 5 === 4 ? { breakAfter: 2_000_000 } : undefined;
  });
});

test('a server that goes away gently ends what it has begun; the next request has another connection', {
  skip,
}, async () => {
  await using front = await Http2Front.before(registry.port, files);
  using fixture = fixtureFor();
  const repository = repositoryAt(fixture, front.host);
  const bytes = randomBytes(200_000);
  await upload(repository, bytes);
  const before = front.connections;
  front.fault = ({ path }) =>
    path.includes('/blobs/sha256:') ? { goAway: { code: 0, after: 50_000 } } : undefined;
  front.seen.length = 0;
  await repository.download(blobOf(bytes), { advance() {} });
  assert.equal(blobsSeen(front).length, 1, 'nothing is asked for twice');
  front.fault = () => undefined;
  await repository.hasBlob(digestOf(bytes));
  assert.equal(front.seen.at(-1)?.connection, before + 1);
  front.fault = ({ path }) =>
    path.includes('/blobs/sha256:') ? { goAway: { code: 0, after: 500_000 } } : undefined;
  await repository.download(blobOf(SMALL), { advance() {} });
});

test('a stream that is refused is asked for again', { skip }, async () => {
  const front = await download(SMALL, nth =>
    nth < 3 ? { refuse: constants.NGHTTP2_REFUSED_STREAM } : undefined,
  );
  assert.equal(blobsSeen(front).length, 3);
});

test('a server that falls silent is left, and asked for the rest over another connection', {
  skip,
}, async () => {
  const front = await download(SMALL, nth => (nth === 1 ? { stallAfter: 500_000 } : undefined), {
    limits: { stallMs: 1500 },
  });
  const [first, second, ...others] = blobsSeen(front);
  assert.deepEqual(others, []);
  assert.notEqual(first?.connection, second?.connection);
});

test('a server that does not answer is not waited for without end', { skip }, async () => {
  await using front = await Http2Front.before(registry.port, files);
  using fixture = fixtureFor({ limits: { headersMs: 100 }, backOff: { attempts: 2, baseMs: 1, capMs: 1 } });
  front.fault = ({ path }) => (path.includes('/manifests/') ? { silence: true } : undefined);
  await assert.rejects(repositoryAt(fixture, front.host).resolve('x'), {
    kind: 'unavailable',
    message: /no answer within 0\.1 s/,
  });
});

test('a server that agrees on HTTP/2 and says nothing is not waited for without end', { skip }, async () => {
  const options = {
    cert: readFileSync(files.certificate),
    key: readFileSync(files.key),
    ALPNProtocols: ['h2'],
  };
  const server = createServer(options, socket => void socket.on('error', () => undefined).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  {
    using fixture = fixtureFor({ limits: { connectMs: 150 }, backOff: { attempts: 1, baseMs: 1, capMs: 1 } });
    await assert.rejects(repositoryAt(fixture, hostOf(server)).resolve('x'), {
      kind: 'unavailable',
    });
  }
  server.close();
  await once(server, 'close');
});

test('no more requests are open than the server takes, and all come to their turn', { skip }, async () => {
  await using front = await Http2Front.before(registry.port, files, {
    settings: { maxConcurrentStreams: 1 },
  });
  using fixture = fixtureFor();
  const repository = repositoryAt(fixture, front.host);
  const found = await Promise.all(Array.from({ length: 30 }, () => repository.hasBlob(digestOf(SMALL))));
  assert.ok(found.every(Boolean));
  assert.ok(front.connections <= 4, String(front.connections));
  assert.deepEqual(
    fixture.log.filter(({ message }) => message.includes('asked again')),
    [],
    'none is refused',
  );
});

test('a server that wants HTTP/1.1 for it gets that', { skip }, async () => {
  await using front = await Http2Front.before(registry.port, files, { allowHTTP1: true });
  using fixture = fixtureFor();
  front.fault = ({ version, path }) =>
    version === '2.0' && path.includes('/blobs/')
      ? { refuse: constants.NGHTTP2_HTTP_1_1_REQUIRED }
      : undefined;
  await repositoryAt(fixture, front.host).download(blobOf(SMALL), { advance() {} });
  assert.equal(front.seen.at(-1)?.version, '1.1');
});

test('a server that has only HTTP/1.1 is spoken to as before, over the connection that found it out', {
  skip,
}, async () => {
  const options = { cert: readFileSync(files.certificate), key: readFileSync(files.key) };
  const versions: string[] = [];
  let connections = 0;
  const server = https.createServer(options, ({ httpVersion, method }, response) => {
    versions.push(httpVersion);
    response.writeHead(200, { 'content-length': method === 'HEAD' ? SMALL.length : 0 }).end();
  });
  server.on('secureConnection', () => void (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  {
    using fixture = fixtureFor();
    const repository = repositoryAt(fixture, hostOf(server));
    for (let nth = 0; nth < 3; nth += 1) await repository.hasBlob(digestOf(SMALL));
  }
  server.close();
  await once(server, 'close');
  assert.deepEqual(versions, ['1.1', '1.1', '1.1', '1.1']);
  assert.ok(
    connections <= 2,
    `${connections}: the first answer may still be on its way when the next request is made`,
  );
});

test('HTTP/2 can be turned off', { skip }, async () => {
  await using front = await Http2Front.before(registry.port, files, { allowHTTP1: true });
  using fixture = fixtureFor({ http2: false });
  await repositoryAt(fixture, front.host).hasBlob(digestOf(SMALL));
  assert.ok(front.seen.every(({ version }) => version === '1.1'));
});

test('an upload that is answered early does not hang, and one that is cut goes on', { skip }, async () => {
  await using front = await Http2Front.before(registry.port, files);
  using fixture = fixtureFor();
  let cuts = 0;
  front.fault = ({ method }) => (method === 'PATCH' && ++cuts < 3 ? { answer: 503 } : undefined);
  const bytes = randomBytes(5_000_000);
  await upload(repositoryAt(fixture, front.host), bytes);
  assert.equal(await repositoryAt(fixture, front.host).hasBlob(digestOf(bytes)), true);
});

test('who leaves ends the stream alone, not what others have on the connection', { skip }, async () => {
  await using front = await Http2Front.before(registry.port, files);
  using fixture = fixtureFor();
  const repository = repositoryAt(fixture, front.host);
  await repository.hasBlob(digestOf(SMALL));
  front.fault = ({ path }) => (path.includes('/manifests/') ? { silence: true } : undefined);
  const leaving = new AbortController();
  const left = assert.rejects(repository.resolve('x', { signal: leaving.signal }), { kind: 'cancelled' });
  const download = repository.download(blobOf(SMALL), { advance: () => leaving.abort() });
  await Promise.all([left, download]);
  await repository.hasBlob(digestOf(SMALL));
  assert.equal(front.connections, 1);
});

test('a manifest whose stream or connection is cut is asked for again', { skip }, async () => {
  await using front = await Http2Front.before(registry.port, files);
  using fixture = fixtureFor();
  const { digest } = await publish(registry.host, 'blobs', 'cut', [
    { layers: [[{ path: 'f', content: 'x' }]] },
  ]);
  const faults: Http2Fault[] = [
    { reset: { code: constants.NGHTTP2_NO_ERROR, after: 50 } },
    { breakAfter: 50 },
    { reset: { code: constants.NGHTTP2_REFUSED_STREAM, after: 50 } },
  ];
  front.fault = ({ method, path }) =>
    method === 'GET' && path.includes('/manifests/') ? faults.shift() : undefined;
  assert.equal((await repositoryAt(fixture, front.host).manifest('cut')).descriptor.digest, digest);
  assert.deepEqual(faults, []);
});

test('HTTP/2 goes through a proxy, which sees nothing of it', { skip }, async () => {
  await using front = await Http2Front.before(registry.port, files);
  const asked: string[] = [];
  const proxy = http.createServer();
  proxy.on('connect', (request: http.IncomingMessage, socket: Socket) => {
    asked.push(request.url ?? '');
    const upstream = connect(Number(front.host.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) end.on('error', () => undefined);
    socket.once('close', () => upstream.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  {
    using fixture = fixtureFor({ proxies: { httpsProxy: `http://${hostOf(proxy)}` } });
    const rules = { registries: [{ prefix: 'registry.test', ca: files.certificate }] };
    writeFileSync(join(files.folder, 'rules.json'), JSON.stringify(rules));
    const repository = fixture.client.repository(fixture.reference('registry.test', 'blobs'));
    await repository.download(blobOf(SMALL), { advance() {} });
  }
  proxy.closeAllConnections();
  proxy.close();
  assert.deepEqual([...new Set(asked)], ['registry.test:443']);
  assert.ok(front.seen.length > 1 && front.seen.every(({ version }) => version === '2.0'));
});

test('a server that cuts a handshake is not taken for one of plain HTTP, which it refuses', {
  skip,
}, async () => {
  await using front = await Http2Front.before(registry.port, files);
  const seen: string[] = [];
  // As nginx, when it ends connections: a reset in the handshake, and 400 for whoever tries without TLS.
  const server = createTcpServer(socket => {
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      const isTls = first[0] === 0x16;
      seen.push(isTls ? 'TLS' : 'plain');
      if (!isTls) socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      else if (seen.length === 1) socket.resetAndDestroy();
      else forward(socket, first, front);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    using fixture = fixtureFor();
    await repositoryAt(fixture, hostOf(server)).download(blobOf(SMALL), { advance() {} });
  } finally {
    server.close();
  }
  assert.deepEqual(seen.slice(0, 3), ['TLS', 'plain', 'TLS']);
});

function forward(socket: Socket, first: Buffer, front: Http2Front): void {
  const upstream = connect(Number(front.host.split(':')[1]), '127.0.0.1', () => {
    upstream.write(first);
    upstream.pipe(socket).pipe(upstream);
  });
  upstream.on('error', () => undefined);
  socket.once('close', () => upstream.destroy());
}

const NGINX = '/usr/sbin/nginx';

test('nginx before a registry, which ends its connections every few requests: push and pull', {
  skip: skip || (existsSync(NGINX) ? false : 'no nginx: Debian has it as a package'),
}, async () => {
  const folder = mkdtempSync(join(files.folder, 'nginx-'));
  const port = await freePort();
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    name => `${name}_temp_path ${folder}/${name};`,
  );
  const config = `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1; user root;
    events { worker_connections 128; }
    http { access_log ${folder}/access.log; ${places.join(' ')} server {
      listen 127.0.0.1:${port} ssl http2; ssl_certificate ${files.certificate}; ssl_certificate_key ${files.key};
      keepalive_requests 4; client_max_body_size 0;
      location / { proxy_pass http://${registry.host}; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto https; }
    } }`;
  writeFileSync(join(folder, 'conf'), config);
  const nginx = spawn(NGINX, ['-p', folder, '-c', join(folder, 'conf')], { stdio: 'ignore' });
  try {
    await until('nginx listens', async () => existsSync(join(folder, 'pid')) && (await accepts(port)));
    using fixture = fixtureFor();
    const repository = repositoryAt(fixture, `127.0.0.1:${port}`);
    const blobs = Array.from({ length: 12 }, () => randomBytes(300_000));
    await Promise.all(blobs.map(bytes => upload(repository, bytes)));
    await Promise.all(blobs.map(bytes => repository.download(blobOf(bytes), { advance() {} })));
    await repository.download(blobOf(LARGE), { advance() {} });
    for (const bytes of [...blobs, LARGE])
      assert.ok(readFileSync(fixture.content.path(digestOf(bytes))).equals(bytes));
    const seen = readFileSync(join(folder, 'access.log'), 'utf8');
    assert.match(seen, /HTTP\/2\.0"/);
    // A handshake that was cut may be followed by a question without TLS, which has no secret and is refused.
    assert.doesNotMatch(seen.replaceAll('"GET /v2/ HTTP/1.1" 400', ''), /HTTP\/1/);
  } finally {
    const ended = once(nginx, 'exit');
    nginx.kill('SIGTERM');
    await ended;
  }
});
