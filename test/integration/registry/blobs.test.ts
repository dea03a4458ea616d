import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { RegistryRequests, sha256 } from '../../support/registry-requests.ts';
import { RegistryServer } from '../../support/registry-server.ts';

let server: RegistryServer;
let registry: RegistryRequests;

before(async () => {
  server = await RegistryServer.start({ options: { chunkMinBytes: 4096 } });
  registry = new RegistryRequests(server.host);
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

test('GET /v2/: says what it is', async () => {
  for (const path of ['/v2/', '/v2']) {
    const { status, headers, bytes } = await registry.call('GET', path);
    assert.deepEqual([status, bytes.toString().trim()], [200, '{}']);
    assert.equal(headers['docker-distribution-api-version'], 'registry/2.0');
    assert.equal(headers['x-content-type-options'], 'nosniff');
  }
  const { status, headers } = await registry.call('POST', '/v2/');
  assert.deepEqual([status, headers.allow], [405, 'GET, HEAD']);
});

test('POST with digest: one request brings a blob', async () => {
  const bytes = randomBytes(100_000);
  const digest = sha256(bytes);
  const { status, headers } = await registry.call('POST', `/v2/one/shot/blobs/uploads/?digest=${digest}`, {
    body: bytes,
  });
  assert.equal(status, 201);
  assert.equal(headers.location, `/v2/one/shot/blobs/${digest}`);
  assert.equal(headers['docker-content-digest'], digest);

  const got = await registry.call('GET', headers.location);
  assert.ok(got.bytes.equals(bytes));
  assert.equal(got.headers['content-type'], 'application/octet-stream');
  assert.equal(got.headers['docker-content-digest'], digest);
  const looked = await registry.call('HEAD', headers.location);
  assert.deepEqual(
    [looked.status, looked.headers['content-length'], looked.bytes.length],
    [200, '100000', 0],
  );
});

test('POST, then PUT: the blob comes with the last request', async () => {
  const bytes = randomBytes(5000);
  const place = await registry.begin('two/steps');
  const { status } = await registry.call('PUT', `${place}?digest=${sha256(bytes)}`, { body: bytes });
  assert.equal(status, 201);
  assert.equal((await registry.call('GET', place)).code, 'BLOB_UPLOAD_UNKNOWN');
  assert.equal((await registry.call('GET', `/v2/two/steps/blobs/${sha256(bytes)}`)).status, 200);
});

test('PATCH: parts in order, and the registry says where it stands', async () => {
  const bytes = randomBytes(30_000);
  const begun = await registry.call('POST', '/v2/in/parts/blobs/uploads/');
  assert.equal(begun.status, 202);
  assert.equal(begun.headers['oci-chunk-min-length'], '4096');
  const place = begun.headers.location ?? '';
  assert.match(place, /^\/v2\/in\/parts\/blobs\/uploads\/[0-9a-f-]{36}$/);
  assert.equal(begun.headers['docker-upload-uuid'], place.split('/').at(-1));
  assert.equal(begun.headers.range, '0-0');

  const part = (first: number, end: number) =>
    registry.call('PATCH', place, {
      headers: { 'Content-Range': `${first}-${end - 1}` },
      body: bytes.subarray(first, end),
    });
  const one = await part(0, 10_000);
  assert.deepEqual([one.status, one.headers.range], [202, '0-9999']);

  for (const [first, end] of [
    [0, 10_000],
    [9999, 20_000],
    [10_001, 20_000],
    [20_000, 30_000],
  ] as const) {
    const refused = await part(first, end);
    assert.deepEqual([refused.status, refused.code], [416, 'RANGE_INVALID'], `${first}`);
    assert.deepEqual([refused.headers.range, refused.headers.location], ['0-9999', place]);
  }
  const standing = await registry.call('GET', place);
  assert.deepEqual([standing.status, standing.headers.range], [204, '0-9999']);

  assert.equal((await part(10_000, 20_000)).headers.range, '0-19999');
  const done = await registry.call('PUT', `${place}?digest=${sha256(bytes)}`, {
    headers: { 'Content-Range': '20000-29999' },
    body: bytes.subarray(20_000),
  });
  assert.equal(done.status, 201);
  const got = await registry.call('GET', `/v2/in/parts/blobs/${sha256(bytes)}`);
  assert.ok(got.bytes.equals(bytes));
});

test('PATCH without a length: a stream is taken as it comes', async () => {
  const bytes = randomBytes(3_000_000);
  const place = await registry.begin('stream/ed');
  const { status, headers } = await registry.call('PATCH', place, {
    headers: { 'Transfer-Encoding': 'chunked' },
    body: bytes,
  });
  assert.deepEqual([status, headers.range], [202, '0-2999999']);
  assert.equal((await registry.call('PUT', `${place}?digest=${sha256(bytes)}`)).status, 201);
});

test('a part that is not as long as it says: SIZE_INVALID', async () => {
  const place = await registry.begin('wrong/size');
  const short = await registry.call('PATCH', place, {
    headers: { 'Content-Range': '0-99' },
    body: Buffer.alloc(50),
  });
  assert.deepEqual([short.status, short.code], [400, 'SIZE_INVALID']);
  for (const [size, stands] of [
    [150, '0-0'],
    [50, '0-49'],
  ] as const) {
    const streamed = await registry.call('PATCH', place, {
      headers: { 'Content-Range': '0-99', 'Transfer-Encoding': 'chunked' },
      body: Buffer.alloc(size),
    });
    assert.deepEqual([streamed.status, streamed.code], [400, 'SIZE_INVALID']);
    assert.equal((await registry.call('GET', place)).headers.range, stands);
  }
  for (const range of ['nonsense', '5-1', '-5', '0-', `0-${'9'.repeat(30)}`]) {
    const bad = await registry.call('PATCH', place, { headers: { 'Content-Range': range }, body: 'x' });
    assert.deepEqual([bad.status, bad.code], [416, 'RANGE_INVALID'], range);
  }
});

test('a digest that is not the one of the content: DIGEST_INVALID, and nothing stays', async () => {
  const lie = sha256('something else');
  for (const path of [`/v2/a/lie/blobs/uploads/?digest=${lie}`]) {
    const { status, code, message } = await registry.call('POST', path, { body: 'content' });
    assert.deepEqual([status, code], [400, 'DIGEST_INVALID']);
    assert.match(message ?? '', new RegExp(`expected ${lie}, got ${sha256('content')}`));
  }
  const place = await registry.begin('a/lie');
  const put = await registry.call('PUT', `${place}?digest=${lie}`, { body: 'content' });
  assert.deepEqual([put.status, put.code], [400, 'DIGEST_INVALID']);
  assert.equal((await registry.call('GET', place)).code, 'BLOB_UPLOAD_UNKNOWN');
  assert.equal((await registry.call('HEAD', `/v2/a/lie/blobs/${lie}`)).status, 404);
  assert.ok(!existsSync(server.content.path(lie)) && !existsSync(server.content.path(sha256('content'))));
});

test('a digest that is none, and of another algorithm', async () => {
  const place = await registry.begin('odd/digests');
  const none = await registry.call('PUT', place, { body: 'x' });
  assert.deepEqual([none.status, none.code], [400, 'DIGEST_INVALID']);
  for (const bad of ['sha256:abc', 'x', `sha256:${'A'.repeat(64)}`, `sha256:${'g'.repeat(64)}`]) {
    const { status, code } = await registry.call('GET', `/v2/odd/digests/blobs/${bad}`);
    assert.deepEqual([status, code], [400, 'DIGEST_INVALID'], bad);
  }
  const sha512 = `sha512:${'a'.repeat(128)}`;
  for (const [method, path] of [
    ['GET', `/v2/odd/digests/blobs/${sha512}`],
    ['GET', `/v2/odd/digests/manifests/${sha512}`],
    ['PUT', `${place}?digest=${sha512}`],
    ['POST', '/v2/odd/digests/blobs/uploads/?digest-algorithm=sha512'],
  ] as const) {
    const { status, code, message } = await registry.call(method, path);
    assert.deepEqual([status, code], [405, 'UNSUPPORTED'], path);
    assert.match(message ?? '', /sha512 is not supported: use sha256/);
  }
});

test('DELETE of an upload cancels it, and leaves no file', async () => {
  const place = await registry.begin('can/celled');
  await registry.call('PATCH', place, { body: 'half of it' });
  const id = place.split('/').at(-1) ?? '';
  assert.ok(existsSync(join(server.folder, 'uploads', id)));
  assert.equal((await registry.call('DELETE', place)).status, 204);
  assert.ok(!existsSync(join(server.folder, 'uploads', id)));
  assert.equal((await registry.call('DELETE', place)).code, 'BLOB_UPLOAD_UNKNOWN');
  assert.equal((await registry.call('PATCH', place, { body: 'x' })).code, 'BLOB_UPLOAD_UNKNOWN');
});

test('an upload belongs to its repository', async () => {
  const place = await registry.begin('mine/alone');
  const elsewhere = place.replace('mine/alone', 'not/mine');
  assert.equal((await registry.call('PATCH', elsewhere, { body: 'x' })).code, 'BLOB_UPLOAD_UNKNOWN');
});

test('Range: parts of a blob', async () => {
  const bytes = randomBytes(1_000_000);
  const path = `/v2/ran/ges/blobs/${await registry.putBlob('ran/ges', bytes)}`;
  const cases: readonly (readonly [string, number, number])[] = [
    ['bytes=0-0', 0, 0],
    ['bytes=100-199', 100, 199],
    ['bytes=999990-', 999_990, 999_999],
    ['bytes=-10', 999_990, 999_999],
    ['bytes=500000-9999999', 500_000, 999_999],
    ['bytes=-9999999', 0, 999_999],
  ];
  for (const [range, first, last] of cases) {
    const { status, headers, bytes: part } = await registry.call('GET', path, { headers: { Range: range } });
    assert.deepEqual([status, headers['content-range']], [206, `bytes ${first}-${last}/1000000`]);
    assert.ok(part.equals(bytes.subarray(first, last + 1)), range);
  }
  for (const range of ['bytes=1000000-', 'bytes=-0', `bytes=${'9'.repeat(40)}-`]) {
    const { status, headers, code } = await registry.call('GET', path, { headers: { Range: range } });
    assert.deepEqual([status, code, headers['content-range']], [416, 'RANGE_INVALID', 'bytes */1000000']);
  }
  for (const range of ['bytes=5-1', 'lines=1-2', 'bytes=0-1,5-6', 'nonsense']) {
    const { status, bytes: all } = await registry.call('GET', path, { headers: { Range: range } });
    assert.deepEqual([status, all.length], [200, 1_000_000], range);
  }
  const changed = { Range: 'bytes=0-1', 'If-Range': '"another"' };
  assert.equal((await registry.call('GET', path, { headers: changed })).status, 200);
});

test('ETag: a client that has it gets 304', async () => {
  const digest = await registry.putBlob('e/tags', 'content');
  const path = `/v2/e/tags/blobs/${digest}`;
  const { headers } = await registry.call('GET', path);
  assert.equal(headers.etag, `"${digest}"`);
  for (const tag of [`"${digest}"`, `W/"${digest}"`, `"x", "${digest}"`, '*']) {
    const { status, bytes } = await registry.call('GET', path, { headers: { 'If-None-Match': tag } });
    assert.deepEqual([status, bytes.length], [304, 0]);
  }
  assert.equal((await registry.call('GET', path, { headers: { 'If-None-Match': '"x"' } })).status, 200);
});

test('an empty blob is a blob', async () => {
  const digest = await registry.putBlob('emp/ty', '');
  const { status, headers, bytes } = await registry.call('GET', `/v2/emp/ty/blobs/${digest}`);
  assert.deepEqual([status, headers['content-length'], bytes.length], [200, '0', 0]);
});

test('mount gives a repository what another one has; without it the blob is to be sent', async () => {
  const digest = await registry.putBlob('mount/source', 'to be mounted');
  const mounted = await registry.call(
    'POST',
    `/v2/mount/target/blobs/uploads/?mount=${digest}&from=mount/source`,
  );
  assert.deepEqual([mounted.status, mounted.headers.location], [201, `/v2/mount/target/blobs/${digest}`]);
  assert.equal(
    (await registry.call('GET', `/v2/mount/target/blobs/${digest}`)).bytes.toString(),
    'to be mounted',
  );
  for (const query of [
    `mount=${digest}&from=no/such`,
    `mount=${sha256('not there')}&from=mount/source`,
    `mount=${digest}`,
  ]) {
    const { status, headers } = await registry.call('POST', `/v2/mount/other/blobs/uploads/?${query}`);
    assert.equal(status, 202, query);
    assert.match(headers.location ?? '', /uploads\/[0-9a-f-]{36}$/);
  }
});

test('what one repository has, another one does not give out', async () => {
  const digest = await registry.putBlob('has/it', 'a secret of has/it');
  const { status, code } = await registry.call('GET', `/v2/has/not/blobs/${digest}`);
  assert.deepEqual([status, code], [404, 'BLOB_UNKNOWN']);
});

test('DELETE of a blob takes it from its repository', async () => {
  const digest = await registry.putBlob('de/leted', 'x');
  assert.equal((await registry.call('DELETE', `/v2/de/leted/blobs/${digest}`)).status, 202);
  assert.equal((await registry.call('GET', `/v2/de/leted/blobs/${digest}`)).code, 'BLOB_UNKNOWN');
  assert.equal((await registry.call('DELETE', `/v2/de/leted/blobs/${digest}`)).code, 'BLOB_UNKNOWN');
  const image = await registry.push('de/leted', 'used');
  const used = await registry.call('DELETE', `/v2/de/leted/blobs/${image.layer}`);
  assert.deepEqual([used.status, used.code], [409, 'IN_USE']);
});

test('equal blobs that come at the same time are one', async () => {
  const bytes = randomBytes(500_000);
  const all = Array.from({ length: 8 }, (_, at) => registry.putBlob(`same/r${at % 3}`, bytes));
  const [digest = '' as never] = await Promise.all(all);
  for (const at of [0, 1, 2]) {
    const got = await registry.call('GET', `/v2/same/r${at}/blobs/${digest}`);
    assert.ok(got.bytes.equals(bytes));
  }
  assert.deepEqual(readdirSync(join(server.folder, 'content', 'ingest')), []);
});

test('a blob that is deleted while it is pulled comes whole', async () => {
  const bytes = randomBytes(20_000_000);
  const digest = await registry.putBlob('slow/pull', bytes);
  const socket = registry.open(
    `GET /v2/slow/pull/blobs/${digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  socket.pause();
  await new Promise(resolve => socket.once('readable', resolve));
  assert.equal((await registry.call('DELETE', `/v2/slow/pull/blobs/${digest}`)).status, 202);
  await server.registry.collect();
  assert.ok(!existsSync(server.content.path(digest)));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const all = Buffer.concat(chunks);
  assert.ok(all.subarray(all.indexOf('\r\n\r\n') + 4).equals(bytes));
});

test('a blob whose file was damaged is not said to be there, and a push mends it for everybody who has it', async () => {
  const bytes = randomBytes(10_000);
  for (const damage of [(path: string) => truncateSync(path, 5000), (path: string) => rmSync(path)]) {
    const digest = await registry.putBlob('da/maged', bytes);
    damage(server.content.path(digest));
    const path = `/v2/da/maged/blobs/${digest}`;
    const pulled = await registry.call('GET', path);
    assert.deepEqual([pulled.status, pulled.code], [500, 'UNKNOWN']);
    const mount = `/v2/da/another/blobs/uploads/?mount=${digest}&from=da/maged`;
    assert.equal((await registry.call('POST', mount)).status, 202);
    assert.equal((await registry.call('HEAD', path)).status, 404);
    await registry.putBlob('da/another', bytes);
    assert.equal((await registry.call('HEAD', path)).status, 200);
    assert.ok((await registry.call('GET', path)).bytes.equals(bytes));
  }
});
