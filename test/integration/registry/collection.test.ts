import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { manifestOf, RegistryRequests, sha256 } from '../../support/registry-requests.ts';
import { RegistryServer } from '../../support/registry-server.ts';
import { until } from '../../support/until.ts';

const HOUR = 3_600_000;
let now = Date.now();
let server: RegistryServer;
let registry: RegistryRequests;

before(async () => {
  server = await RegistryServer.start({
    now: () => now,
    options: { graceMs: 24 * HOUR, uploadAgeMs: 24 * HOUR },
  });
  registry = new RegistryRequests(server.host);
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

const has = async (repository: string, digest: string): Promise<boolean> =>
  (await registry.call('HEAD', `/v2/${repository}/blobs/${digest}`)).status === 200;

test('a blob that no manifest refers to goes after the time of grace, and not before', async () => {
  const digest = await registry.putBlob('gra/ce', randomBytes(1000));
  now += 23 * HOUR;
  await server.registry.collect();
  assert.ok(existsSync(server.content.path(digest)));
  now += 2 * HOUR;
  assert.deepEqual(await server.registry.collect(), { uploads: 0, blobs: 1, sizeBytes: 1000 });
  assert.ok(!existsSync(server.content.path(digest)));
  assert.ok(!(await has('gra/ce', digest)));
});

test('whoever asks for an old blob can still push a manifest with it', async () => {
  const config = '{"os":"linux"}';
  const digest = await registry.putBlob('push/ing', config);
  now += 20 * HOUR;
  assert.ok(await has('push/ing', digest), 'a client finds it, and does not send it');
  now += 20 * HOUR;
  await server.registry.collect();
  assert.equal((await registry.putManifest('push/ing', 'x', manifestOf(config, []))).status, 201);
});

test('what a manifest refers to stays for ever, and a day longer than the manifest', async () => {
  const image = await registry.push('kept/long', 'x');
  now += 1000 * HOUR;
  await server.registry.collect();
  assert.ok(await has('kept/long', image.layer));
  await registry.call('DELETE', `/v2/kept/long/manifests/${image.digest}`);
  now += 17 * HOUR;
  await server.registry.collect();
  assert.ok(existsSync(server.content.path(image.layer)), 'somebody may be pulling it');
  now += 8 * HOUR;
  await server.registry.collect();
  assert.ok(!existsSync(server.content.path(image.layer)));
});

test('a blob of two repositories goes when the second has it no more', async () => {
  const layer = randomBytes(100);
  const one = await registry.push('shared/one', 'x', layer);
  const two = await registry.push('shared/two', 'x', layer);
  server.registry.catalog.remove('shared/one');
  await server.registry.collect();
  assert.ok(await has('shared/two', two.layer));
  assert.equal((await registry.call('GET', '/v2/shared/one/tags/list')).code, 'NAME_UNKNOWN');
  server.registry.catalog.remove('shared/two');
  await server.registry.collect();
  assert.ok(!existsSync(server.content.path(one.layer)), 'a removed repository has no time of grace');
});

test('uploads of a repository that is removed go with it, and do not bring it back', async () => {
  await registry.push('re/moved', 'x');
  const place = await registry.begin('re/moved');
  await registry.call('PATCH', place, { body: 'some of it' });
  server.registry.catalog.remove('re/moved');
  const { code } = await registry.call('PUT', `${place}?digest=${sha256('some of it')}`);
  assert.equal(code, 'BLOB_UPLOAD_UNKNOWN');
  assert.equal(server.registry.catalog.find('re/moved'), undefined);
  await until('its file is gone', () => readdirSync(join(server.folder, 'uploads')).length === 0);
});

test('a blob that comes again while it is collected is there', async () => {
  const bytes = randomBytes(300_000);
  for (let round = 0; round < 5; round += 1) {
    const digest = await registry.putBlob('ra/ce', bytes);
    assert.equal((await registry.call('DELETE', `/v2/ra/ce/blobs/${digest}`)).status, 202);
    await Promise.all([
      server.registry.collect(),
      registry.putBlob('ra/ce', bytes),
      server.registry.collect(),
    ]);
    await server.registry.collect();
    const got = await registry.call('GET', `/v2/ra/ce/blobs/${digest}`);
    assert.ok(got.bytes.equals(bytes), `round ${round}`);
  }
});

test('an upload that nobody goes on with goes after a day', async () => {
  const stale = await registry.begin('sta/le');
  await registry.call('PATCH', stale, { body: 'some of it' });
  now += 20 * HOUR;
  const fresh = await registry.begin('sta/le');
  await registry.call('PATCH', fresh, { body: 'some of it' });
  now += 5 * HOUR;
  assert.equal((await server.registry.collect()).uploads, 1);
  assert.equal((await registry.call('GET', stale)).code, 'BLOB_UPLOAD_UNKNOWN');
  assert.equal((await registry.call('GET', fresh)).status, 204);
  await registry.call('DELETE', fresh);
  assert.deepEqual(readdirSync(join(server.folder, 'uploads')), []);
});

test('requests are answered while thousands of blobs are collected', async () => {
  for (let count = 0; count < 600; count += 1) {
    writeFileSync(server.content.path(sha256(`blob ${count}`)), `blob ${count}`);
  }
  server.db.transaction(() => {
    server.db.run("INSERT INTO registry_repositories (name, created_at) VALUES ('many/blobs', 0)");
    for (let count = 0; count < 600; count += 1) {
      const digest = sha256(`blob ${count}`);
      server.db.run('INSERT INTO registry_blobs VALUES (?, ?)', digest, 8);
      server.db.run(
        "INSERT INTO registry_links SELECT id, ?, 0 FROM registry_repositories WHERE name = 'many/blobs'",
        digest,
      );
    }
  });
  const collected = server.registry.collect();
  let answers = 0;
  let isOver = false;
  void collected.then(() => {
    isOver = true;
  });
  while (!isOver) {
    assert.equal((await registry.call('GET', '/v2/')).status, 200);
    answers += 1;
  }
  assert.equal((await collected).blobs, 600);
  assert.ok(answers > 1, `${answers} answers meanwhile`);
});

test('what an earlier life left half done is swept at the start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-registry-sweep-'));
  try {
    const kept = { digest: '', place: '' };
    {
      await using first = await RegistryServer.start({ folder });
      const requests = new RegistryRequests(first.host);
      kept.digest = await requests.putBlob('a/b', 'kept');
      kept.place = await requests.begin('a/b');
      await requests.call('PATCH', kept.place, { body: 'also ' });
      writeFileSync(first.content.path(sha256('no row')), 'no row');
      writeFileSync(join(folder, 'uploads', '00000000-0000-4000-8000-000000000000'), 'no row');
    }
    await using second = await RegistryServer.start({ folder });
    const requests = new RegistryRequests(second.host);
    assert.deepEqual(second.content.list(), [kept.digest]);
    assert.deepEqual(readdirSync(join(folder, 'uploads')), [kept.place.split('/').at(-1)]);
    const put = await requests.call('PUT', `${kept.place}?digest=${sha256('also kept')}`, { body: 'kept' });
    assert.equal(put.status, 201);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
