import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { digestOf } from '#base/ids';
import type { Repository } from '#distribution/repository';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { ClientFixture } from '../integration/distribution/client-fixture.ts';

const SECRET = { username: 'ann', password: 'canary-77ac' };
const BASIC = `Basic ${Buffer.from('ann:canary-77ac').toString('base64')}`;
const BYTES = Buffer.alloc(300_000, 'x');
const BLOB = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(BYTES), size: BYTES.length };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that does what the test says, and remembers what it was sent. */
class Villain implements AsyncDisposable {
  readonly secrets: string[] = [];
  readonly paths: string[] = [];
  readonly #server = createServer((request, response) => {
    this.paths.push(request.url ?? '');
    if (request.headers.authorization !== undefined) this.secrets.push(request.headers.authorization);
    request.resume();
    this.handler(request, response);
  });
  handler: Handler;

  constructor(handler: Handler) {
    this.handler = handler;
  }

  static async start(handler: Handler): Promise<Villain> {
    const villain = new Villain(handler);
    villain.#server.listen(0, '127.0.0.1');
    await once(villain.#server, 'listening');
    return villain;
  }

  get host(): string {
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === 'object');
    return `127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function repositoryAt(fixture: ClientFixture, { host }: Villain): Repository {
  return fixture.client.repository(fixture.reference(host, 'app'), SECRET);
}

function wantsPassword({ headers }: IncomingMessage, response: ServerResponse): boolean {
  if (headers.authorization !== undefined) return false;
  response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  return true;
}

test('a server that gives one byte and cuts, for ever, is left after a few attempts', async () => {
  await using villain = await Villain.start(({ url, headers }, response) => {
    if (url === '/v2/') return void response.end();
    const from = Number(/bytes=(\d+)/.exec(headers.range ?? '')?.[1] ?? 0);
    const isPart = headers.range !== undefined;
    response.writeHead(isPart ? 206 : 200, {
      'content-length': BLOB.size - from,
      ...(isPart ? { 'content-range': `bytes ${from}-${BLOB.size - 1}/${BLOB.size}` } : {}),
    });
    response.write('x', () => setImmediate(() => response.destroy()));
  });
  using fixture = new ClientFixture();
  await assert.rejects(repositoryAt(fixture, villain).download(BLOB, { advance() {} }), {
    kind: 'unavailable',
    message: `Get "http://${villain.host}/v2/app/blobs/${BLOB.digest}": the connection was cut`,
  });
  assert.ok(villain.paths.length < 12, `${villain.paths.length} requests`);
});

test('an upload that is sent to another host takes the blob there, and no password', async () => {
  await using canary = await Villain.start((_, response) => response.writeHead(201).end());
  await using villain = await Villain.start((request, response) => {
    if (wantsPassword(request, response)) return;
    if (request.method === 'HEAD') return void response.writeHead(404).end();
    response.writeHead(202, { location: `http://${canary.host}/v2/app/blobs/uploads/1` }).end();
  });
  using fixture = new ClientFixture();
  await assert.rejects(
    repositoryAt(fixture, villain).upload(BLOB, offset => Readable.from([BYTES.subarray(offset)])),
  );
  assert.ok(villain.secrets.includes(BASIC), 'the registry itself gets it');
  assert.ok(canary.paths.length > 0);
  assert.deepEqual(canary.secrets, []);
});

test('a registry that was still writing when the connection was cut is asked again where the upload stands', async () => {
  const statuses = [202, 404, 202];
  let patches = 0;
  let body = 0;
  await using villain = await Villain.start((request, response) => {
    const headers = { location: '/v2/app/up' };
    if (request.method === 'HEAD') return void response.writeHead(404).end();
    if (request.method === 'POST') return void response.writeHead(202, headers).end();
    if (request.method === 'GET') return void response.writeHead(204, { ...headers, range: '0-99999' }).end();
    if (request.method === 'PUT') return void response.writeHead(201).end();
    const status = statuses[patches] ?? 500;
    patches += 1;
    if (patches === 1) return void request.socket.destroy();
    if (patches === 3) request.on('data', (chunk: Buffer) => (body += chunk.length));
    request.on('end', () => response.writeHead(status, headers).end());
  });
  using fixture = new ClientFixture();
  const open = (offset: number): Readable => Readable.from([BYTES.subarray(offset)]);
  assert.deepEqual(await repositoryAt(fixture, villain).upload(BLOB, open), { how: 'uploaded' });
  assert.equal(patches, 3);
  assert.equal(body, BLOB.size - 100_000);
});

test('an upload goes on at nothing but http, and holds no password of its own', async () => {
  const places = ['file:///etc/passwd', 'http://user:word@127.0.0.1:1/x', 'http://[', 'ftp://127.0.0.1/x'];
  for (const location of places) {
    await using villain = await Villain.start((request, response) => {
      if (request.method === 'HEAD') return void response.writeHead(404).end();
      response.writeHead(202, { location }).end();
    });
    using fixture = new ClientFixture();
    const open = (): Readable => assert.fail('nothing is to be read');
    await assert.rejects(repositoryAt(fixture, villain).upload(BLOB, open), { kind: 'invalid' }, location);
  }
});

test('a blob that grew meanwhile is not sent beyond its size: the rest would be another request', async () => {
  await using villain = await Villain.start((request, response) => {
    if (request.method === 'HEAD') return void response.writeHead(404).end();
    if (request.method === 'POST') return void response.writeHead(202, { location: '/v2/app/up' }).end();
    request.on('end', () => response.writeHead(202, { location: '/v2/app/up' }).end());
  });
  using fixture = new ClientFixture();
  const smuggled = Buffer.from('GET /v2/smuggled HTTP/1.1\r\nhost: x\r\n\r\n');
  const open = (offset: number): Readable => Readable.from([BYTES.subarray(offset), smuggled]);
  await assert.rejects(repositoryAt(fixture, villain).upload(BLOB, open), { kind: 'dataLoss' });
  assert.ok(!villain.paths.some(path => path.includes('smuggled')));
});

test('a manifest that does not end is given up, and so is a list of tags', async () => {
  await using villain = await Villain.start(({ url = '' }, response) => {
    if (url === '/v2/') return void response.end();
    if (url.includes('/tags/list')) {
      const page = Number(new URL(url, 'http://x').searchParams.get('page') ?? 0);
      response.setHeader('link', `</v2/app/tags/list?page=${page + 1}>; rel="next"`);
      return void response.end(JSON.stringify({ tags: [`t${page}`] }));
    }
    response.writeHead(200, { 'content-type': MEDIA_TYPES.ociManifest });
    const flood = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
      response.once('drain', flood);
    };
    flood();
  });
  using fixture = new ClientFixture();
  const repository = repositoryAt(fixture, villain);
  await assert.rejects(repository.manifest('latest'), {
    kind: 'invalid',
    message: /larger than 4194304 bytes/,
  });
  let count = 0;
  await assert.rejects(async () => {
    for await (const tag of repository.tags()) count += tag.length > 0 ? 1 : 0;
  }, /a list of more than 1000 pages/);
  assert.ok(count <= 10_000, `${count} pages`);
});

test('what a registry says reaches nobody with control characters in it, nor without end', async () => {
  const evil = '\u001b]0;owned\u0007\u202egnp.exe\r\nanother line';
  await using villain = await Villain.start((_, response) => {
    const body = { errors: [{ code: 'DENIED\u001b[2J', message: evil + 'x'.repeat(5000) }] };
    response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  using fixture = new ClientFixture();
  await assert.rejects(repositoryAt(fixture, villain).resolve('latest'), (error: Error) => {
    assert.doesNotMatch(error.message, /[\p{Cc}\p{Cf}]/u);
    assert.ok(error.message.length < 1500, `${error.message.length} characters`);
    return true;
  });
});

test('a token that would end its header is none', async () => {
  await using villain = await Villain.start(({ url = '', headers }, response) => {
    if (url.startsWith('/token')) return void response.end(JSON.stringify({ token: 'a\r\nx-smuggled: 1' }));
    if (headers.authorization !== undefined) return void response.end();
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${headers.host}/token"` }).end();
  });
  using fixture = new ClientFixture();
  await assert.rejects(repositoryAt(fixture, villain).resolve('latest'), {
    kind: 'invalid',
    message: /no token/,
  });
});

test('parts that are not the ones asked for are not taken', async () => {
  const ranges = [
    'bytes 0-299999/300000',
    'bytes 5-10/300000',
    'bytes 1-299999/7',
    'bytes x',
    '',
    'bytes 1-0/300000',
  ];
  for (const range of ranges) {
    let blobs = 0;
    await using villain = await Villain.start(({ url, headers }, response) => {
      if (url === '/v2/') return void response.end();
      blobs += 1;
      if (headers.range === undefined) {
        response.writeHead(200, { 'content-length': BLOB.size });
        return void response.write('x', () => setImmediate(() => response.destroy()));
      }
      response.writeHead(206, { 'content-range': range }).end(Buffer.alloc(BLOB.size, 'y'));
    });
    using fixture = new ClientFixture();
    await assert.rejects(
      repositoryAt(fixture, villain).download(BLOB, { advance() {} }),
      { name: 'EngineError' },
      range,
    );
    assert.ok(!fixture.content.has(BLOB.digest));
    assert.ok(blobs < 10);
    const left = readdirSync(join(fixture.folder, 'content', 'partial')).filter(name =>
      name.endsWith('.new'),
    );
    assert.deepEqual(left, []);
  }
});

test('a search of several registries gives the password to the one it is for; one that fails spoils nothing', async () => {
  const catalogue: Handler = ({ url = '' }, response) => {
    if (url.startsWith('/v1/')) return void response.writeHead(404).end();
    if (url.includes('last=')) return void response.end(JSON.stringify({ repositories: ['team/shell-two'] }));
    response.setHeader('link', '</v2/_catalog?last=a&n=1000>; rel="next"');
    response.end(JSON.stringify({ repositories: ['shell', 'other', '../shell', 'Shell'] }));
  };
  const asking: Handler = (request, response) => {
    if (!wantsPassword(request, response)) catalogue(request, response);
  };
  await using open = await Villain.start(catalogue);
  await using thief = await Villain.start(asking);
  using folder = new ClientFixture();
  const rules = join(folder.folder, 'rules.json');
  writeFileSync(rules, JSON.stringify({ search: [thief.host, open.host] }));
  using fixture = new ClientFixture({ rules });
  const find = async (term: string): Promise<string[]> =>
    (await fixture.client.search(term, SECRET, { limit: 10 })).map(({ name }) => name);

  assert.deepEqual(await find('shell'), [`${open.host}/shell`, `${open.host}/team/shell-two`]);
  assert.deepEqual([...thief.secrets, ...open.secrets], []);
  assert.deepEqual(await find(`${thief.host}/two`), [`${thief.host}/team/shell-two`]);
  assert.ok(thief.secrets.includes(BASIC), 'asked for by name, it is the one');
});
