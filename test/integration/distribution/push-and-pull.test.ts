import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { type Digest, digestOf } from '#base/ids';
import type { ContentDescriptor, DownloadTarget, Repository } from '#distribution/repository';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { ClientFixture } from './client-fixture.ts';

const skip = cannotRunRegistry;
let registry: TestRegistry;

before(async () => {
  if (!skip) registry = await TestRegistry.start();
});

after(async () => {
  await registry?.[Symbol.asyncDispose]();
});

function blobOf(bytes: Buffer): ContentDescriptor {
  return { mediaType: `${MEDIA_TYPES.ociLayer}+gzip`, digest: digestOf(bytes), size: bytes.length };
}

function upload(repository: Repository, bytes: Buffer, mountFrom: readonly string[] = []) {
  return repository.upload(blobOf(bytes), offset => Readable.from([bytes.subarray(offset)]), { mountFrom });
}

/** Pushes an image of that one layer. @returns digest of its manifest. */
async function push(repository: Repository, tag: string, layer: Buffer): Promise<Digest> {
  const config = Buffer.from(`{"architecture":"amd64","os":"linux","n":"${tag}"}`);
  await upload(repository, layer);
  await upload(repository, config);
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { ...blobOf(config), mediaType: MEDIA_TYPES.ociConfig },
    layers: [blobOf(layer)],
  };
  return await repository.putManifest(tag, MEDIA_TYPES.ociManifest, Buffer.from(JSON.stringify(manifest)));
}

class Watermarks implements DownloadTarget {
  readonly seen: number[] = [];
  path = '';

  begin(path: string): void {
    this.path = path;
  }

  advance(availableBytes: number): void {
    this.seen.push(availableBytes);
  }
}

test('an image that was pushed is resolved, and comes back byte for byte', { skip }, async () => {
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/app'));
  const layer = randomBytes(3_000_000);
  const digest = await push(repository, 'one', layer);

  const resolved = await repository.resolve('one');
  assert.equal(resolved.digest, digest);
  assert.equal(resolved.mediaType, MEDIA_TYPES.ociManifest);
  const { bytes, descriptor } = await repository.manifest(digest);
  assert.deepEqual(descriptor, resolved);
  assert.equal(digestOf(bytes), digest);

  const target = new Watermarks();
  const progress: number[] = [];
  await repository.download(blobOf(layer), target, { onProgress: received => progress.push(received) });
  assert.deepEqual(readFileSync(fixture.content.path(digestOf(layer))), layer);
  assert.equal(target.seen.at(-1), layer.length);
  assert.deepEqual(
    target.seen,
    target.seen.toSorted((one, other) => one - other),
  );
  assert.equal(progress.at(-1), layer.length);
  assert.deepEqual(readdirSync(join(fixture.folder, 'content', 'partial')), []);
  assert.ok(!existsSync(target.path));
});

test('a large blob comes in parts, in order for those who read it', { skip }, async () => {
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/large'));
  const layer = randomBytes(50_000_000);
  await upload(repository, layer);
  const target = new Watermarks();
  await repository.download(blobOf(layer), target);
  assert.ok(fixture.content.has(digestOf(layer)));
  assert.equal(digestOf(readFileSync(fixture.content.path(digestOf(layer)))), digestOf(layer));
  assert.deepEqual(
    target.seen,
    target.seen.toSorted((one, other) => one - other),
  );
});

test('upload() sends nothing that is there, and mounts what another repository has', { skip }, async () => {
  using fixture = new ClientFixture();
  const first = fixture.client.repository(fixture.reference(registry.host, 'team/first'));
  const second = fixture.client.repository(fixture.reference(registry.host, 'team/second'));
  const layer = randomBytes(100_000);
  assert.deepEqual(await upload(first, layer), { how: 'uploaded' });
  assert.deepEqual(await upload(first, layer), { how: 'exists' });
  assert.deepEqual(await upload(second, layer, ['team/none', 'team/first']), {
    how: 'mounted',
    from: 'team/first',
  });
  assert.ok(await second.hasBlob(digestOf(layer)));
  const other = randomBytes(100_000);
  assert.deepEqual(await upload(second, other, ['team/first']), { how: 'uploaded' });
});

test('tags are listed, and a deleted manifest is gone', { skip }, async () => {
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/tags'));
  const layer = randomBytes(1000);
  for (const tag of ['b', 'a', 'c']) await push(repository, tag, layer);
  const tags: string[] = [];
  for await (const tag of repository.tags()) tags.push(tag);
  assert.deepEqual(tags.toSorted(), ['a', 'b', 'c']);
  const { digest } = await repository.resolve('c');
  await repository.deleteManifest(digest);
  await assert.rejects(repository.resolve('c'), {
    kind: 'notFound',
    message: `manifest for ${registry.host}/team/tags:c not found: manifest unknown: manifest unknown`,
  });
});

test('what a registry does not have is told in the words of Docker', { skip }, async () => {
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/nothing:1'));
  await assert.rejects(repository.resolve('1'), {
    kind: 'notFound',
    message: `manifest for ${registry.host}/team/nothing:1 not found: manifest unknown: manifest unknown`,
  });
  await assert.rejects(repository.download(blobOf(Buffer.from('absent')), new Watermarks()), {
    kind: 'notFound',
    message: /^the registry has no blob sha256:/,
  });
});

test('signatures and the like are found by the manifest they are about, also where the registry does not list them', {
  skip,
}, async () => {
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/signed'));
  const digest = await push(repository, 'signed', randomBytes(1000));
  assert.deepEqual(await repository.referrers(digest), []);
  const entry = {
    mediaType: MEDIA_TYPES.ociManifest,
    digest,
    size: 2,
    artifactType: 'application/vnd.example',
    annotations: { of: 'test' },
  };
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [entry] };
  await repository.putManifest(
    digest.replace(':', '-'),
    MEDIA_TYPES.ociIndex,
    Buffer.from(JSON.stringify(index)),
  );
  assert.deepEqual(await repository.referrers(digest, { artifactType: 'application/vnd.example' }), [entry]);
  assert.deepEqual(await repository.referrers(digest, { artifactType: 'another' }), []);
});

test('search looks through the catalogue of a registry that has no search', { skip }, async () => {
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'find/me'));
  await push(repository, 'one', randomBytes(10));
  const hits = await fixture.client.search(`${registry.host}/find`, {}, { limit: 25 });
  assert.deepEqual(
    hits.map(({ name }) => name),
    [`${registry.host}/find/me`],
  );
});
