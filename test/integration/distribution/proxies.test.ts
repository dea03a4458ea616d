import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { digestOf } from '#base/ids';
import type { Repository } from '#distribution/repository';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { until } from '../../support/until.ts';
import { ClientFixture } from './client-fixture.ts';

const skip = cannotRunRegistry;
/** Only the proxy knows where that is. */
const HOST = 'registry.test';
const BYTES = Buffer.alloc(100_000, 'p');
const BLOB = { mediaType: 'application/octet-stream', digest: digestOf(BYTES), size: BYTES.length };
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'quai-proxies-'));
});

after(() => rmSync(folder, { recursive: true }));

/** A forward proxy as companies have it; every name leads to one port of this machine. */
class ForwardProxy implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly passwords = new Set<string>();
  isSilent = false;
  readonly #sockets = new Set<Socket>();
  readonly #target: number;
  readonly #server = http.createServer((request, response) => {
    this.#note(`${request.method} ${request.url}`, request);
    const { pathname, search } = new URL(request.url ?? '', 'http://x');
    const outgoing = http.request(
      {
        host: '127.0.0.1',
        port: this.#target,
        path: pathname + search,
        method: request.method,
        headers: request.headers,
      },
      answer => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    outgoing.on('error', () => response.destroy());
    request.pipe(outgoing);
  });

  private constructor(target: number) {
    this.#target = target;
    this.#server.on('connection', socket => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('connect', (request: http.IncomingMessage, socket) => {
      this.#note(`CONNECT ${request.url}`, request);
      if (this.isSilent) return;
      const upstream = connect(this.#target, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
      socket.on('close', () => upstream.destroy());
    });
  }

  static async to(target: number): Promise<ForwardProxy> {
    const proxy = new ForwardProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === 'object');
    return `http://mia:guest@127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #note(what: string, { headers }: http.IncomingMessage): void {
    this.asked.push(what);
    this.passwords.add(headers['proxy-authorization'] ?? '');
  }
}

async function pushAndPull(repository: Repository, fixture: ClientFixture): Promise<void> {
  await repository.upload(BLOB, offset => Readable.from([BYTES.subarray(offset)]));
  await repository.download(BLOB, { advance() {} });
  assert.ok(fixture.content.has(BLOB.digest));
}

function rulesFile(rule: object): string {
  const path = join(folder, 'rules.json');
  writeFileSync(path, JSON.stringify({ registries: [{ prefix: HOST, ...rule }] }));
  return path;
}

const GUEST = `Basic ${Buffer.from('mia:guest').toString('base64')}`;

test('a plain registry is reached by the proxy for http', { skip }, async () => {
  await using registry = await TestRegistry.start();
  await using proxy = await ForwardProxy.to(registry.port);
  const rules = rulesFile({ location: `http://${HOST}` });
  using fixture = new ClientFixture({ rules, proxies: { httpProxy: proxy.url } });
  await pushAndPull(fixture.client.repository(fixture.reference(HOST, 'app')), fixture);
  assert.ok(proxy.asked.includes(`GET http://${HOST}/v2/app/blobs/${BLOB.digest}`), proxy.asked.join('\n'));
  assert.deepEqual([...proxy.passwords], [GUEST]);
});

test('a registry with TLS is reached through the proxy for https, which sees nothing', { skip }, async () => {
  const file = (name: string): string => join(folder, name);
  const subject = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`, '-days', '2'];
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', file('key'), '-out', file('crt')];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject], { stdio: 'ignore' });
  await using registry = await TestRegistry.start({ tls: { certificate: file('crt'), key: file('key') } });
  await using proxy = await ForwardProxy.to(registry.port);
  const proxies = { httpsProxy: proxy.url };
  using stranger = new ClientFixture({ proxies });
  await assert.rejects(stranger.client.repository(stranger.reference(HOST, 'app')).resolve('latest'), {
    kind: 'unavailable',
    message: /certificate/,
  });

  using fixture = new ClientFixture({ proxies, rules: rulesFile({ ca: file('crt') }) });
  await pushAndPull(fixture.client.repository(fixture.reference(HOST, 'app')), fixture);
  assert.deepEqual([...new Set(proxy.asked)], [`CONNECT ${HOST}:443`]);
  assert.deepEqual([...proxy.passwords], [GUEST]);

  using excepted = new ClientFixture({ proxies: { ...proxies, noProxy: '.test' } });
  await assert.rejects(excepted.client.repository(excepted.reference(HOST, 'app')).resolve('latest'), {
    message: new RegExp(`lookup ${HOST}`),
  });
});

test('a proxy that does not answer is not waited for without end', { skip }, async () => {
  await using proxy = await ForwardProxy.to(1);
  proxy.isSilent = true;
  using fixture = new ClientFixture({ proxies: { httpsProxy: proxy.url }, limits: { connectMs: 100 } });
  await assert.rejects(fixture.client.repository(fixture.reference(HOST, 'app')).resolve('latest'), {
    kind: 'unavailable',
    message: /no connection within 0.1 s/,
  });
});

test('who leaves while a proxy does not answer does not wait for it', { skip }, async () => {
  await using proxy = await ForwardProxy.to(1);
  proxy.isSilent = true;
  using fixture = new ClientFixture({ proxies: { httpsProxy: proxy.url } });
  const repository = fixture.client.repository(fixture.reference(HOST, 'app'));
  const stop = new AbortController();
  const asked = repository.resolve('latest', { signal: stop.signal });
  await until('the proxy is asked', () => proxy.asked.length > 0);
  stop.abort();
  await assert.rejects(asked, { kind: 'cancelled' });
});
