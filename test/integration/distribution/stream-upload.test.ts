import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { digestOf } from '#base/ids';
import { ClientFixture } from './client-fixture.ts';

const BYTES = randomBytes(20_000_000);

/** A registry that keeps what came of a part that was cut, as the specification allows; it cuts where it is told to. */
class PatientRegistry implements AsyncDisposable {
  readonly ranges: (string | undefined)[] = [];
  received = Buffer.alloc(0);
  digest = '';
  readonly #cuts: number[];
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });

  constructor(cuts: readonly number[]) {
    this.#cuts = [...cuts];
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === 'object');
    return `127.0.0.1:${address.port}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const location = { location: '/v2/app/blobs/uploads/one' };
    const range = `0-${Math.max(0, this.received.length - 1)}`;
    if (request.method === 'POST') return void response.writeHead(202, location).end();
    if (request.method === 'GET' && request.url !== '/v2/') {
      return void response.writeHead(204, { ...location, range }).end();
    }
    if (request.method === 'PUT') {
      this.digest = new URL(request.url ?? '', 'http://x').searchParams.get('digest') ?? '';
      return void response.writeHead(201).end();
    }
    if (request.method !== 'PATCH') return void response.end();
    this.ranges.push(request.headers['content-range']);
    for await (const chunk of request) {
      const bytes = chunk as Buffer; // no encoding is set
      const room = (this.#cuts[0] ?? Number.POSITIVE_INFINITY) - this.received.length;
      this.received = Buffer.concat([this.received, bytes.subarray(0, room)]);
      if (bytes.length < room) continue;
      this.#cuts.shift();
      request.socket.destroy();
      return;
    }
    response.writeHead(202, { ...location, range }).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function* chunks(): AsyncGenerator<Buffer> {
  for (let at = 0; at < BYTES.length; at += 100_000) yield BYTES.subarray(at, at + 100_000);
}

test('an upload of what is made meanwhile goes on in the middle of a part', async () => {
  await using registry = new PatientRegistry([1_000_000, 9_000_000, 9_500_000]);
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(await registry.start(), 'app'));
  let made = 0;
  const blob = await repository.uploadStream(() => {
    made += 1;
    return chunks();
  });
  assert.equal(made, 1);
  assert.deepEqual(blob, { digest: digestOf(BYTES), size: BYTES.length });
  assert.ok(registry.received.equals(BYTES));
  assert.equal(registry.digest, blob.digest);
  assert.deepEqual(registry.ranges, [
    '0-8399999',
    '1000000-8399999',
    '8400000-16799999',
    '9000000-16799999',
    '9500000-16799999',
    '16800000-19999999',
  ]);
});

test('what is small comes in one request; nothing at all is a blob, too', async () => {
  await using registry = new PatientRegistry([]);
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(await registry.start(), 'app'));
  const one = await repository.uploadStream(async function* () {
    yield Buffer.from('one');
  });
  assert.equal(one.digest, digestOf('one'));
  assert.deepEqual(registry.ranges, [undefined]);
  const none = await repository.uploadStream(async function* () {});
  assert.deepEqual(none, { digest: digestOf(''), size: 0 });
});
