import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { REGISTRY_FAULT_POINTS } from '#registry/registry-faults';
import { RegistryProcess } from '../../support/registry-process.ts';
import { type PushedImage, RegistryRequests, sha256 } from '../../support/registry-requests.ts';
import { RegistryServer } from '../../support/registry-server.ts';
import { until } from '../../support/until.ts';

/** A folder for the lives of one registry. */
function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'quai-registry-crash-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Rows and files tell the same, and every file is what its name says. */
function checkFolder({ db, content, folder }: RegistryServer): void {
  const rows = db.all('SELECT digest, size_bytes FROM registry_blobs ORDER BY digest');
  assert.deepEqual(
    content.list().toSorted(),
    rows.map(({ digest }) => digest),
  );
  for (const { digest, size_bytes: size } of rows) {
    const bytes = readFileSync(content.path(String(digest) as `sha256:${string}`));
    assert.deepEqual([sha256(bytes), bytes.length], [digest, size]);
  }
  assert.deepEqual(readdirSync(join(folder, 'content', 'ingest')), []);
  const uploads = new Set(db.all('SELECT id FROM registry_uploads').map(({ id }) => id));
  for (const name of readdirSync(join(folder, 'uploads'))) assert.ok(uploads.has(name));
}

async function checkImage(registry: RegistryRequests, repository: string, tag: string, image: PushedImage) {
  const got = await registry.call('GET', `/v2/${repository}/manifests/${tag}`);
  assert.equal(got.bytes.toString(), image.manifest);
  for (const digest of [image.config, image.layer]) {
    const blob = await registry.call('GET', `/v2/${repository}/blobs/${digest}`);
    assert.equal(sha256(blob.bytes), digest);
  }
}

for (const point of REGISTRY_FAULT_POINTS) {
  test(`killed at ${point}: what was acknowledged is there, nothing is there by half, and all goes on`, async () => {
    using folder = temporaryFolder();
    const layer = randomBytes(200_000);
    let before: PushedImage;
    {
      await using first = await RegistryServer.start({ folder: folder.path });
      before = await new RegistryRequests(first.host).push('a/b', 'before');
    }
    {
      await using armed = await RegistryProcess.start(folder.path, point);
      const registry = new RegistryRequests(armed.host);
      if (point.startsWith('collect')) {
        await registry.putBlob('a/b', 'to be collected');
        armed.collect();
      } else {
        await assert.rejects(registry.push('a/b', 'during', layer), 'it is never acknowledged');
      }
      assert.equal(await armed.ended(), 'SIGKILL');
    }
    await using again = await RegistryServer.start({ folder: folder.path });
    checkFolder(again);
    const registry = new RegistryRequests(again.host);
    await checkImage(registry, 'a/b', 'before', before);
    const image = await registry.push('a/b', 'during', layer);
    await checkImage(registry, 'a/b', 'during', image);
    checkFolder(again);
  });
}

test('an upload goes on where a killed registry stood', async () => {
  using folder = temporaryFolder();
  const bytes = randomBytes(3_000_000);
  let place: string;
  {
    await using first = await RegistryProcess.start(folder.path);
    const registry = new RegistryRequests(first.host);
    place = await registry.begin('a/b');
    await registry.call('PATCH', place, { body: bytes.subarray(0, 1_000_000) });
    const head = `PATCH ${place} HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n`;
    registry.open(head).write(bytes.subarray(1_000_000, 2_500_000));
    await until('some of the second part is there', async () => {
      const { headers } = await registry.call('GET', place);
      return Number(String(headers.range).slice(2)) > 1_500_000;
    });
    await first.kill();
  }
  await using second = await RegistryProcess.start(folder.path);
  const registry = new RegistryRequests(second.host);
  const standing = await registry.call('GET', place);
  const has = Number(String(standing.headers.range).slice(2)) + 1;
  assert.ok(has >= 1_000_000 && has <= 2_500_000, `${has}`);
  const rest = await registry.call('PATCH', place, {
    headers: { 'Content-Range': `${has}-${bytes.length - 1}` },
    body: bytes.subarray(has),
  });
  assert.equal(rest.status, 202);
  assert.equal((await registry.call('PUT', `${place}?digest=${sha256(bytes)}`)).status, 201);
  assert.equal(sha256((await registry.call('GET', `/v2/a/b/blobs/${sha256(bytes)}`)).bytes), sha256(bytes));
});
