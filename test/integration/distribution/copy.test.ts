import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { digestOf } from '#base/ids';
import type { CopyProgress } from '#distribution/image-copy';
import type { ContentDescriptor, Repository } from '#distribution/repository';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { ClientFixture } from './client-fixture.ts';

const skip = cannotRunRegistry;

async function put(repository: Repository, mediaType: string, bytes: Buffer): Promise<ContentDescriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  await repository.upload(descriptor, offset => Readable.from([bytes.subarray(offset)]));
  return descriptor;
}

/** An image for two platforms that share a layer of 1 MB. */
async function publish(repository: Repository, tag: string): Promise<ContentDescriptor> {
  const shared = await put(repository, MEDIA_TYPES.ociLayer, randomBytes(1_000_000));
  const manifests: object[] = [];
  for (const architecture of ['amd64', 'arm64']) {
    const config = await put(
      repository,
      MEDIA_TYPES.ociConfig,
      Buffer.from(JSON.stringify({ os: 'linux', architecture })),
    );
    const layers = [shared, await put(repository, MEDIA_TYPES.ociLayer, randomBytes(5000))];
    const bytes = json({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers });
    const digest = await repository.putManifest(digestOf(bytes), MEDIA_TYPES.ociManifest, bytes);
    const platform = { os: 'linux', architecture };
    manifests.push({ mediaType: MEDIA_TYPES.ociManifest, digest, size: bytes.length, platform });
  }
  const index = json({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });
  await repository.putManifest(tag, MEDIA_TYPES.ociIndex, index);
  return { mediaType: MEDIA_TYPES.ociIndex, digest: digestOf(index), size: index.length };
}

function json(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}

test('copy() takes all platforms to another registry, byte for byte, and keeps nothing', {
  skip,
}, async () => {
  await using here = await TestRegistry.start();
  await using there = await TestRegistry.start();
  using fixture = new ClientFixture();
  const from = fixture.reference(here.host, 'team/app:1');
  const to = fixture.reference(there.host, 'mirror/app:one');
  const index = await publish(fixture.client.repository(from), '1');
  const seen: CopyProgress[] = [];
  const onProgress = (progress: CopyProgress): void => void seen.push(progress);

  assert.equal(
    await fixture.client.copy({ reference: from }, { reference: to }, { onProgress }),
    index.digest,
  );

  const copied = fixture.client.repository(to);
  assert.deepEqual(await copied.resolve('one'), index);
  const done = seen.filter(({ state }) => state !== 'sending').map(({ state }) => state);
  assert.deepEqual(done, ['sent', 'sent', 'sent', 'sent', 'sent'], 'the shared layer once');
  assert.deepEqual(readdirSync(join(fixture.folder, 'content', 'blobs', 'sha256')), []);

  seen.length = 0;
  await fixture.client.copy({ reference: from }, { reference: to }, { onProgress });
  assert.ok(
    seen.every(({ state }) => state === 'exists'),
    'a second copy sends nothing',
  );
});

test('copy() within a registry mounts, and sends nothing', { skip }, async () => {
  await using registry = await TestRegistry.start();
  using fixture = new ClientFixture();
  const from = fixture.reference(registry.host, 'team/app:1');
  const to = fixture.reference(registry.host, 'other/app:1');
  const index = await publish(fixture.client.repository(from), '1');
  const states = new Set<string>();
  const onProgress = ({ state }: CopyProgress): void => void states.add(state);
  assert.equal(
    await fixture.client.copy({ reference: from }, { reference: to }, { onProgress }),
    index.digest,
  );
  assert.deepEqual([...states], ['mounted']);
});

test('copy() goes on where either side was cut', { skip }, async () => {
  await using here = await TestRegistry.start();
  await using there = await TestRegistry.start();
  await using near = await FaultProxy.before(here.port);
  await using far = await FaultProxy.before(there.port);
  using fixture = new ClientFixture();
  const index = await publish(fixture.client.repository(fixture.reference(here.host, 'app:1')), '1');
  let cuts = 0;
  near.fault = ({ path, method }) =>
    method === 'GET' && path.includes('/blobs/') && ++cuts <= 2 ? { cutAfter: 3000 } : undefined;
  far.fault = ({ method }) => (method === 'PATCH' && ++cuts <= 5 ? { cutRequestAfter: 2000 } : undefined);
  const to = fixture.reference(far.host, 'app:1');
  await fixture.client.copy({ reference: fixture.reference(near.host, 'app:1') }, { reference: to });
  assert.ok(cuts >= 5, `${cuts} cuts`);
  assert.deepEqual(await fixture.client.repository(fixture.reference(there.host, 'app')).resolve('1'), index);
});

test('copy() sets no name when a part is missing', { skip }, async () => {
  await using here = await TestRegistry.start();
  await using there = await TestRegistry.start();
  await using near = await FaultProxy.before(here.port);
  using fixture = new ClientFixture();
  await publish(fixture.client.repository(fixture.reference(here.host, 'app:1')), '1');
  near.fault = ({ path, method }) =>
    method === 'GET' && path.includes('/blobs/') ? { answer: { status: 404 } } : undefined;
  const to = fixture.reference(there.host, 'app:1');
  await assert.rejects(
    fixture.client.copy({ reference: fixture.reference(near.host, 'app:1') }, { reference: to }),
  );
  await assert.rejects(fixture.client.repository(to).resolve('1'), { kind: 'notFound' });
});
