import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import {
  buildImage,
  dockerArchive,
  HOST_ARCHITECTURE,
  ociArchive,
  type TestImage,
} from '../../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../../support/image-engine.ts';

const skip = rootMissing();
const OTHER = HOST_ARCHITECTURE === 'arm64' ? 'amd64' : 'arm64';
const ONE: TestImage = {
  tags: ['one:1', 'one:2'],
  layers: [[{ path: 'shared', content: 's' }], [{ path: 'one', content: '1' }]],
};
const TWO: TestImage = {
  tags: ['two:1'],
  layers: [[{ path: 'shared', content: 's' }], [{ path: 'two', content: '2' }]],
  compress: 'gzip',
};
const FOREIGN: TestImage = { ...TWO, architecture: OTHER };

async function load(engine: ImageEngine, archive: Buffer): Promise<string[]> {
  const lines: string[] = [];
  await engine.images.load(Readable.from([archive]), line => lines.push(line));
  return lines;
}

async function save(engine: ImageEngine, ...names: string[]): Promise<Buffer> {
  return buffer(Readable.from(await engine.images.save(names)));
}

/** What tells an image from another, whatever engine it is in. */
function traits(engine: ImageEngine, name: string) {
  const { id, repoTags, diffIds } = engine.images.get(name);
  return {
    id,
    repoTags,
    diffIds,
    target: engine.images.target(name),
    manifests: engine.images.manifests(name).map(({ digest }) => digest),
  };
}

test('save() and load() give the same images, with all their names', { skip }, async () => {
  await using first = startImageEngine();
  await load(first, dockerArchive([ONE]));
  await load(first, ociArchive([TWO]));
  const archive = await save(first, 'one', 'two:1');
  await using second = startImageEngine();
  assert.deepEqual((await load(second, archive)).toSorted(), [
    'Loaded image: one:1',
    'Loaded image: one:2',
    'Loaded image: two:1',
  ]);
  assert.equal(second.images.get('one:2').id, buildImage(ONE).configDigest);
  assert.deepEqual(traits(second, 'two:1'), traits(first, 'two:1'));
  assert.deepEqual(await save(second, 'one', 'two:1'), archive, 'the same again, byte for byte');
});

test('save() keeps an index and all its platforms', { skip }, async () => {
  await using first = startImageEngine();
  await load(first, ociArchive([FOREIGN, TWO], { isNested: true }));
  await using second = startImageEngine();
  await load(second, await save(first, 'two:1'));
  assert.deepEqual(traits(second, 'two:1'), traits(first, 'two:1'));
  assert.equal(second.images.manifests('two:1').filter(({ isAvailable }) => isAvailable).length, 2);
});

test('save() of one platform leaves the others out, and keeps the digests', { skip }, async () => {
  await using first = startImageEngine();
  await load(first, ociArchive([FOREIGN, TWO], { isNested: true }));
  const platform = { os: 'linux', architecture: OTHER };
  const archive = await buffer(Readable.from(await first.images.save(['two:1'], { platforms: [platform] })));
  await using second = startImageEngine();
  await load(second, archive);
  assert.equal(second.images.get('two:1').id, buildImage(FOREIGN).configDigest);
  assert.deepEqual(second.images.target('two:1'), first.images.target('two:1'));
  assert.deepEqual(
    second.images.manifests('two:1').map(({ isAvailable }) => isAvailable),
    [true, false],
  );
});

test('save() has blobs once, and says before the first byte what is missing', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, dockerArchive([ONE]));
  await load(engine, dockerArchive([{ ...TWO, compress: 'none' }]));
  const archive = (await save(engine, 'one', 'two:1')).toString('latin1');
  const [shared] = buildImage(ONE).blobs;
  assert.equal(archive.split(`blobs/sha256/${shared?.digest.slice(7)}\0`).length - 1, 1);
  await assert.rejects(engine.images.save(['one', 'nosuch:1']), {
    kind: 'notFound',
    message: 'No such image: nosuch:1',
  });
  await engine.content.remove(shared?.digest ?? 'sha256:');
  await assert.rejects(engine.images.save(['two:1']), {
    kind: 'dataLoss',
    message: /blob sha256:.* is missing/,
  });
});
