import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { parsePlatform } from '#spec/oci/platform';
import { buildImage, HOST_ARCHITECTURE, ociArchive, type TestImage } from '../../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../../support/image-engine.ts';
import { filesOf, NOTHING } from './leftovers.ts';

const skip = rootMissing();
const OTHER = HOST_ARCHITECTURE === 'arm64' ? 'amd64' : 'arm64';
const OTHER_PLATFORM = parsePlatform(`linux/${OTHER}`);

const NATIVE: TestImage = { tags: ['app:1'], layers: [[{ path: 'f', content: HOST_ARCHITECTURE }]] };
const FOREIGN: TestImage = {
  tags: ['app:1'],
  layers: [[{ path: 'f', content: OTHER }]],
  architecture: OTHER,
};
const native = buildImage(NATIVE).configDigest;
const foreign = buildImage(FOREIGN).configDigest;

async function load(
  engine: ImageEngine,
  archive: Buffer,
  platforms: readonly string[] = [],
): Promise<string[]> {
  const lines: string[] = [];
  await engine.images.load(Readable.from([archive]), line => lines.push(line), {
    platforms: platforms.map(parsePlatform),
  });
  return lines;
}

const both = (): Buffer => ociArchive([FOREIGN, NATIVE], { isNested: true });

test('load() keeps every platform of an index; the name means the one for this host', { skip }, async () => {
  await using engine = startImageEngine();
  assert.deepEqual(await load(engine, both()), ['Loaded image: app:1']);
  const { images } = engine;
  assert.equal(images.get('app:1').id, native);
  assert.equal(images.get('app:1', { platform: OTHER_PLATFORM }).id, foreign);
  assert.deepEqual(images.get(foreign).repoTags, ['app:1']);
  assert.equal(images.get(foreign).isVariant, true);
  assert.throws(() => images.get('app:1', { platform: parsePlatform('linux/s390x') }), {
    kind: 'notFound',
    message: 'image with reference app:1 was found but does not provide the specified platform (linux/s390x)',
  });
});

test('load() takes only the platforms that were asked for', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, both(), [`linux/${OTHER}`]);
  assert.deepEqual(
    engine.images.list().map(({ id }) => id),
    [foreign],
  );
  assert.equal(engine.images.get('app:1').id, foreign);
  await load(engine, both(), [`linux/${HOST_ARCHITECTURE}`]);
  assert.equal(engine.images.get('app:1').id, native, 'the one for this host has come');
  assert.equal(engine.images.get('app:1', { platform: OTHER_PLATFORM }).id, foreign);
  await assert.rejects(load(engine, both(), ['linux/s390x']), {
    kind: 'notFound',
    message: /has no image for linux\/s390x in this archive; it is for linux\/a/,
  });
});

test('an archive for another platform alone is loaded all the same', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, ociArchive([FOREIGN], { isNested: true }));
  assert.equal(engine.images.get('app:1').id, foreign);
});

test('remove() by name takes all platforms; of one platform, that one', { skip }, async () => {
  await using engine = startImageEngine();
  const { images } = engine;
  await load(engine, both());
  const options = { force: false, noPrune: false };
  const one = await images.remove('app:1', {
    ...options,
    platforms: [parsePlatform(`linux/${HOST_ARCHITECTURE}`)],
  });
  assert.deepEqual(one.untagged, []);
  assert.equal(one.deleted[0], native);
  assert.equal(images.get('app:1').id, foreign);
  assert.equal(images.get('app:1').isVariant, false);
  await load(engine, both());
  const all = await images.remove('app:1', options);
  assert.deepEqual(all.untagged, ['app:1']);
  assert.deepEqual(
    all.deleted.filter(id => [native, foreign].includes(id as typeof native)).toSorted(),
    [native, foreign].toSorted(),
  );
  assert.deepEqual(await filesOf(engine), NOTHING);
});

test('remove() by ID takes one platform; the name still means the other', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, both());
  await engine.images.remove(foreign, { force: false, noPrune: false });
  assert.equal(engine.images.get('app:1').id, native);
  assert.equal(engine.images.find('app:1', { platform: OTHER_PLATFORM }), undefined);
});

test('platforms outlive a restart', { skip }, async () => {
  await using first = startImageEngine();
  await load(first, both());
  await using second = first.restart();
  second.images.sweep();
  assert.equal(second.images.get('app:1').id, native);
  assert.equal(second.images.get('app:1', { platform: OTHER_PLATFORM }).id, foreign);
  assert.deepEqual(await filesOf(second), { ...NOTHING, blobs: 2, snapshots: 2 });
});
