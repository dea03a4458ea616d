import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { LogFields, Logger } from '#base/logger';
import type { AccessControl } from '#registry/access-control';
import { RegistryError, unauthorized } from '#registry/errors';
import { RegistryRequests, sha256 } from '../support/registry-requests.ts';
import { RegistryServer } from '../support/registry-server.ts';
import { until } from '../support/until.ts';

const CANARY = 'canary-31d0';
const lines: string[] = [];
const log = (message: string, fields?: LogFields): void =>
  void lines.push(JSON.stringify({ message, ...fields }));
const logger: Logger = { debug: log, info: log, warn: log, error: log };

/** Everybody has a namespace of the own name, and `public`; `Basic NAME`. */
const namespaces: AccessControl = {
  admit: async (authorization, want) => {
    const account = authorization?.replace('Basic ', '');
    const owner = want?.repository.split('/')[0];
    if (!want || owner === account || owner === 'public') return account === undefined ? {} : { account };
    if (account === undefined) throw unauthorized('Bearer realm="http://x/token"');
    throw new RegistryError('DENIED');
  },
  maySee: ({ account }, repository) => repository.startsWith(`${account}/`),
};

let server: RegistryServer;
let registry: RegistryRequests;

before(async () => {
  server = await RegistryServer.start({
    access: namespaces,
    logger,
    options: { stallMs: 300, maxOpenUploads: 20, maxBlobBytes: 50_000_000 },
  });
  registry = new RegistryRequests(server.host);
  writeFileSync(join(server.folder, 'secret'), CANARY);
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

const as = (name: string) => ({ headers: { Authorization: `Basic ${name}` } });

test('no path leads out of the folder', async () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const outside = [
    '../secret',
    '..%2fsecret',
    '%2e%2e/secret',
    '..%252fsecret',
    '../../secret',
    '....//secret',
    '%00',
  ];
  for (const word of outside) {
    for (const path of [
      `/v2/public/a/blobs/${word}`,
      `/v2/public/a/blobs/sha256:${word}`,
      `/v2/public/a/manifests/${word}`,
      `/v2/public/a/blobs/uploads/${word}`,
      `/v2/public/${word}/blobs/${digest}`,
      `/v2/${word}/tags/list`,
      `/v2/public/a/referrers/${word}`,
    ]) {
      for (const method of ['GET', 'HEAD', 'DELETE', 'PUT', 'PATCH']) {
        const { status, bytes } = await registry.call(method, path);
        assert.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`);
        assert.ok(!bytes.toString().includes(CANARY));
      }
    }
  }
  assert.ok(existsSync(join(server.folder, 'secret')));
});

test("an upload is nobody else's, and its name is not to be guessed", async () => {
  const { headers } = await registry.call('POST', '/v2/public/a/blobs/uploads/', as('ann'));
  const place = headers.location ?? '';
  for (const call of [as('bob'), {}]) {
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
      const answer = await registry.call(method, `${place}?digest=${sha256('x')}`, call);
      assert.equal(answer.code, 'BLOB_UPLOAD_UNKNOWN', method);
    }
  }
  assert.equal((await registry.call('GET', place, as('ann'))).status, 204);
  await registry.call('DELETE', place, as('ann'));
});

test('mount gives nobody a blob of a repository that they may not pull from', async () => {
  const secret = `secret layer ${CANARY}`;
  const digest = sha256(secret);
  const pushed = await registry.call('POST', `/v2/ann/private/blobs/uploads/?digest=${digest}`, {
    ...as('ann'),
    body: secret,
  });
  assert.equal(pushed.status, 201);
  for (const from of ['ann/private', 'ann%2fprivate']) {
    const { status } = await registry.call(
      'POST',
      `/v2/bob/mine/blobs/uploads/?mount=${digest}&from=${from}`,
      as('bob'),
    );
    assert.equal(status, 202, 'to be sent');
  }
  assert.equal((await registry.call('GET', `/v2/bob/mine/blobs/${digest}`, as('bob'))).code, 'BLOB_UNKNOWN');
  const config = '{}';
  await registry.call('POST', `/v2/bob/mine/blobs/uploads/?digest=${sha256(config)}`, {
    ...as('bob'),
    body: config,
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: { mediaType: 'x/y', digest: sha256(config), size: 2 },
    layers: [{ mediaType: 'x/y', digest, size: secret.length }],
  });
  const put = await registry.call('PUT', '/v2/bob/mine/manifests/x', { ...as('bob'), body: manifest });
  assert.equal(put.code, 'MANIFEST_BLOB_UNKNOWN', 'a manifest makes nothing readable');
  const denied = await registry.call('GET', `/v2/ann/private/blobs/${digest}`, as('bob'));
  assert.deepEqual([denied.status, denied.code], [403, 'DENIED']);
  const anonymous = await registry.call('GET', `/v2/ann/private/blobs/${digest}`);
  assert.deepEqual([anonymous.status, anonymous.code], [401, 'UNAUTHORIZED']);
  assert.equal(anonymous.headers['www-authenticate'], 'Bearer realm="http://x/token"');
});

test('_catalog shows what may be seen', async () => {
  await registry.call('POST', `/v2/ann/private/blobs/uploads/?digest=${sha256('1')}`, {
    ...as('ann'),
    body: '1',
  });
  const list = async (name: string) => (await registry.call('GET', '/v2/_catalog', as(name))).json();
  assert.deepEqual(await list('ann'), { repositories: ['ann/private'] });
  assert.deepEqual(await list('mallory'), { repositories: [] });
});

test('an upload that trickles is ended, and goes on later', async () => {
  const { headers } = await registry.call('POST', '/v2/public/slow/blobs/uploads/');
  const place = headers.location ?? '';
  const socket = registry.open(`PATCH ${place} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nab`);
  const trickle = setInterval(() => socket.write('c'), 20);
  const answer = await text(socket);
  clearInterval(trickle);
  socket.destroy();
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.match(answer, /"code":"TIMEOUT"/);
  const standing = await registry.call('GET', place);
  assert.match(standing.headers.range ?? '', /^0-\d+$/);
  assert.equal((await registry.call('DELETE', place)).status, 204);
});

test('a manifest that never ends, and one that never comes', async () => {
  const huge = registry.open(
    'PUT /v2/public/a/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{"a":"',
  );
  assert.match(await text(huge), /^HTTP\/1\.1 413 /);
  const silent = registry.open(
    'PUT /v2/public/a/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
  );
  assert.match(await text(silent), /^HTTP\/1\.1 408 /);
});

test('a client that comes again takes its upload over from the connection that hangs', async () => {
  const { headers } = await registry.call('POST', '/v2/public/again/blobs/uploads/');
  const place = headers.location ?? '';
  const hanging = registry.open(`PATCH ${place} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nfirst`);
  await until(
    'the first bytes are there',
    async () => (await registry.call('GET', place)).headers.range === '0-4',
  );
  const put = await registry.call('PUT', `${place}?digest=${sha256('firstsecond')}`, {
    headers: { 'Content-Range': '5-10' },
    body: 'second',
  });
  assert.equal(put.status, 201);
  assert.match(await text(hanging), /^HTTP\/1\.1 400 [^]*"code":"BLOB_UPLOAD_INVALID"/);
});

test('one caller cannot open uploads without end, and others still can', async () => {
  const places: string[] = [];
  for (let count = 0; count < 20; count += 1) {
    const { status, headers } = await registry.call('POST', '/v2/public/a/blobs/uploads/', as('greedy'));
    assert.equal(status, 202);
    places.push(headers.location ?? '');
  }
  const refused = await registry.call('POST', '/v2/public/a/blobs/uploads/', as('greedy'));
  assert.deepEqual([refused.status, refused.code], [429, 'TOOMANYREQUESTS']);
  assert.equal((await registry.call('POST', '/v2/public/a/blobs/uploads/', as('ann'))).status, 202);
  for (const place of places) await registry.call('DELETE', place, as('greedy'));
  assert.equal((await registry.call('POST', '/v2/public/a/blobs/uploads/', as('greedy'))).status, 202);
});

test('a blob above the limit is refused before it is taken', async () => {
  const { status, code } = await registry.call('POST', `/v2/public/a/blobs/uploads/?digest=${sha256('x')}`, {
    body: randomBytes(50_000_001),
  });
  assert.deepEqual([status, code], [413, 'TOO_LARGE']);
});

test('requests that are cut in the middle leave nothing', async () => {
  const count = (): number => readdirSync(join(server.folder, 'uploads')).length;
  const before = count();
  const head = `POST /v2/public/a/blobs/uploads/?digest=${sha256('x')} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`;
  const sockets = Array.from({ length: 10 }, () => registry.open(`${head}${'x'.repeat(500)}`));
  await until('all are under way', () => count() === before + sockets.length);
  for (const socket of sockets) socket.destroy();
  await until('they are gone', () => count() === before);
  assert.deepEqual(readdirSync(join(server.folder, 'content', 'ingest')), []);
});

test('what strangers write makes no lines in the log, and nothing a terminal would obey in an answer', async () => {
  const evil = 'x%0a%7B%22level%22%3A%22error%22%7D%1b%5b31m%e2%80%ae';
  for (const path of [
    `/v2/public/${evil}/tags/list`,
    `/v2/public/a/manifests/${evil}`,
    `/v2/public/a/blobs/${evil}`,
  ]) {
    const { message } = await registry.call('GET', path);
    assert.doesNotMatch(message ?? '', /[\p{Cc}\u202e]/u);
  }
  await registry.call('GET', '/v2/public/a/tags/list', { headers: { Authorization: `Basic ${CANARY}` } });
  assert.ok(lines.length > 0);
  assert.ok(lines.every(line => !line.includes('\n')));
  assert.ok(!lines.some(line => line.includes(CANARY)), 'credentials are not logged');
});

test('smuggled requests: two lengths, and a length beside chunks', async () => {
  const smuggled = 'GET /v2/ann/private/tags/list HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ann\r\n\r\n';
  for (const head of [
    `POST /v2/public/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n`,
    `POST /v2/public/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ]) {
    const said = await registry.converse(head + smuggled);
    assert.match(said, /^HTTP\/1\.1 400 /);
    assert.ok(!said.includes('ann/private'));
  }
});

test('a page that somebody pushed is nothing a browser would show', async () => {
  const page = '<script>alert(1)</script>';
  const digest = sha256(page);
  await registry.call('POST', `/v2/public/a/blobs/uploads/?digest=${digest}`, { body: page });
  const { headers } = await registry.call('GET', `/v2/public/a/blobs/${digest}`);
  assert.equal(headers['content-type'], 'application/octet-stream');
  assert.equal(headers['x-content-type-options'], 'nosniff');
});
