import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { buildImage, dockerArchive, ociArchive, type TestImage, tarOf } from '../../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../../support/image-engine.ts';
import { until } from '../../support/until.ts';
import { filesOf, NOTHING } from './leftovers.ts';

const skip = rootMissing();

async function load(engine: ImageEngine, archive: Buffer): Promise<void> {
  await engine.images.load(Readable.from(archive), () => undefined);
}

/** Large enough to be read while it comes. */
const LARGE = Array.from({ length: 3 }, (_, index) => ({ path: `f${index}`, content: randomBytes(600_000) }));
const LARGE_IMAGES: readonly (readonly [string, TestImage, (image: TestImage) => Buffer])[] = [
  [
    'plain layers',
    { tags: ['large:1'], layers: [LARGE, LARGE, LARGE.slice(1)] },
    image => dockerArchive([image]),
  ],
  [
    'gzip layers',
    { tags: ['large:1'], layers: [LARGE, LARGE.slice(1), LARGE], compress: 'gzip' },
    image => ociArchive([image]),
  ],
];

for (const [what, image, make] of LARGE_IMAGES) {
  test(`load() reads large ${what} while they come, the same one for several layers, and leaves no draft`, {
    skip,
  }, async () => {
    await using engine = startImageEngine();
    await load(engine, make(image));
    assert.equal(engine.images.get('large:1').id, buildImage(image).configDigest);
    for (const directory of engine.snapshots.layerDirectories(engine.images.get('large:1').snapshot ?? '')) {
      const { path, content } = LARGE.at(-1) ?? assert.fail();
      assert.deepEqual(readFileSync(join(directory, path)), content);
    }
    const files = { ...NOTHING, blobs: 2, snapshots: 3 };
    assert.deepEqual(await filesOf(engine), files);
    await load(engine, make(image)); // is here already
    assert.deepEqual(await filesOf(engine), files);
  });
}

test('load() takes an archive with a large file that is no layer, and refuses one that says it is', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  const noise = randomBytes(2_000_000);
  const { configJson, configDigest, blobs } = buildImage({
    tags: [],
    layers: [LARGE.slice(0, 1), LARGE.slice(1, 2)],
  });
  const archiveOf = (layers: readonly string[]): Buffer =>
    tarOf([
      { path: 'noise', content: noise },
      { path: 'config', content: configJson },
      ...blobs.map(({ bytes }, index) => ({ path: `layer${index}`, content: bytes })),
      {
        path: 'manifest.json',
        content: JSON.stringify([{ Config: 'config', RepoTags: ['odd:1'], Layers: layers }]),
      },
    ]);
  await assert.rejects(load(engine, archiveOf(['layer0', 'noise'])), { kind: 'invalid' });
  assert.deepEqual(await filesOf(engine), NOTHING);
  await load(engine, archiveOf(['layer0', 'layer1']));
  assert.equal(engine.images.get('odd:1').id, configDigest);
  assert.deepEqual(await filesOf(engine), { ...NOTHING, blobs: 2, snapshots: 2 });
});

test('load() of an archive that ends in the middle of a large layer leaves nothing', { skip }, async () => {
  await using engine = startImageEngine();
  const archive = dockerArchive([{ tags: ['large:1'], layers: [LARGE, LARGE.slice(1)] }]);
  for (const end of [1_500_000, 2_500_000])
    await assert.rejects(load(engine, archive.subarray(0, end)), { kind: 'invalid' });
  const abort = new AbortController();
  const held = new PassThrough();
  held.write(archive.subarray(0, 1_500_000)); // and no more
  const loading = engine.images.load(held, () => undefined, { signal: abort.signal });
  await until('it is read', () => readdirSync(join(engine.root, 'snapshots/new')).length === 1);
  abort.abort();
  held.destroy(new Error('the client has gone'));
  await assert.rejects(loading);
  assert.deepEqual(await filesOf(engine), NOTHING);
});

test('a load goes on beside others whose clients have stopped in the middle of a layer', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  const image: TestImage = { tags: ['large:1'], layers: [LARGE] };
  const clients = Array.from({ length: 3 }, () => new PassThrough());
  const stalled = clients.map(client => {
    client.write(dockerArchive([image]).subarray(0, 1_500_000)); // and no more
    return engine.images.load(client, () => undefined);
  });
  const unpacking = (): number => readdirSync(join(engine.root, 'snapshots/new')).length;
  await until('two are read, which is all that may be', () => unpacking() === 2);
  await load(engine, dockerArchive([image]));
  assert.equal(engine.images.list().length, 1);
  assert.equal(unpacking(), 2);
  for (const client of clients) client.destroy(new Error('the client has gone'));
  for (const each of await Promise.allSettled(stalled)) assert.equal(each.status, 'rejected');
  assert.deepEqual(await filesOf(engine), { ...NOTHING, blobs: 1, snapshots: 1 });
});
