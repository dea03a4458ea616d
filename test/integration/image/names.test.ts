import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { dockerArchive, type TestImage } from '../../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../../support/image-engine.ts';
import { filesOf, NOTHING } from './leftovers.ts';

const skip = rootMissing();
const C1 = '1'.repeat(64);
const REMOVE = { force: false, noPrune: false };
const FORCE = { force: true, noPrune: false };

/** Images that share their lowest layer. */
const BASE: TestImage = { tags: ['base:1'], layers: [[{ path: 'a', content: 'a' }]] };
const APP: TestImage = {
  tags: ['app:1'],
  layers: [...BASE.layers, [{ path: 'b', content: 'b' }]],
  config: { Labels: { team: 'x' } },
};

async function load(engine: ImageEngine, ...images: TestImage[]): Promise<void> {
  await engine.images.load(Readable.from([dockerArchive(images)]), () => undefined);
  engine.events.length = 0;
}

const actions = (engine: ImageEngine): string[] =>
  engine.events.map(({ action, actor }) => `${action} ${actor.attributes['name']}`);

test('find() takes names, IDs, and prefixes of IDs that are unique', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, BASE, APP);
  const { id } = engine.images.get('app:1');
  const hex = id.slice(7);
  for (const reference of [
    'app:1',
    'docker.io/library/app:1',
    id,
    hex,
    hex.slice(0, 12),
    `sha256:${hex.slice(0, 8)}`,
  ]) {
    assert.equal(engine.images.find(reference)?.id, id, reference);
  }
  for (const reference of [
    'app',
    'app:2',
    '',
    'sha256:',
    'other/app:1',
    `app:1@${id.replace(/.$/, '0')}x`,
    'App:1',
  ]) {
    assert.equal(engine.images.find(reference), undefined, reference);
  }
  assert.throws(() => engine.images.get('nothing'), {
    kind: 'notFound',
    message: 'No such image: nothing:latest',
  });
  assert.throws(() => engine.images.get(''), { kind: 'notFound' });
  assert.throws(() => engine.images.get('Bad Name'), {
    kind: 'notFound',
    message: 'No such image: Bad Name',
  });
});

test('find() prefers a name to a prefix of an ID, and gives nothing for an ambiguous prefix', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  await load(engine, BASE, APP);
  const [first, second] = engine.images.list();
  assert.ok(first && second);
  const prefix = first.id.slice(7, 11);
  await engine.images.tag(second.id, `${prefix}:latest`);
  assert.equal(engine.images.find(prefix)?.id, second.id);
  const many = Array.from(
    { length: 17 },
    (_, index): TestImage => ({ ...BASE, tags: [], config: { Cmd: [String(index)] } }),
  );
  await load(engine, ...many);
  const digits = engine.images.list().map(({ id }) => id[7] ?? '');
  const twice = digits.find((digit, index) => digits.indexOf(digit) !== index) ?? '';
  assert.equal(engine.images.find(twice), undefined);
});

test('tag() adds a name, moves one that is taken, and refuses what is no tag', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, BASE, APP);
  await engine.images.tag('app:1', 'localhost:5000/team/app');
  assert.deepEqual(engine.images.get('app:1').repoTags, ['app:1', 'localhost:5000/team/app:latest']);
  await engine.images.tag('base:1', 'app:1');
  assert.deepEqual(engine.images.get('app:1').repoTags, ['app:1', 'base:1']);
  assert.deepEqual(engine.images.get('localhost:5000/team/app').repoTags, ['localhost:5000/team/app:latest']);
  assert.deepEqual(actions(engine), ['tag localhost:5000/team/app:latest', 'tag app:1']);
  assert.equal(engine.events[0]?.actor.attributes['team'], 'x');
  const digest = engine.images.get('app:1').id;
  await assert.rejects(engine.images.tag('app:1', `x@${digest}`), {
    kind: 'invalid',
    message: 'refusing to create a tag with a digest reference',
  });
  await assert.rejects(engine.images.tag('app:1', 'sha256:x'), { kind: 'invalid', message: /ambiguous tag/ });
  await assert.rejects(engine.images.tag('app:1', 'Bad'), { kind: 'invalid', message: /must be lowercase/ });
  await assert.rejects(engine.images.tag('none', 'x'), { kind: 'notFound' });
});

test('remove() by name takes the name, and with the last one the image and the layers nobody shares', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  await load(engine, BASE, APP);
  await engine.images.tag('app:1', 'app:2');
  const app = engine.images.get('app:1');
  const top = app.snapshot ?? '';
  engine.events.length = 0;
  assert.deepEqual(await engine.images.remove('app:2', REMOVE), {
    untagged: ['app:2'],
    deleted: [],
    freedBytes: 0,
  });
  const { freedBytes, ...removed } = await engine.images.remove('app:1', REMOVE);
  assert.deepEqual(removed, { untagged: ['app:1'], deleted: [app.id, top] });
  assert.ok(freedBytes > 0, 'its layer and its configuration');
  assert.deepEqual(actions(engine), [`untag ${app.id}`, `untag ${app.id}`, `delete ${app.id}`]);
  assert.deepEqual(await filesOf(engine), { ...NOTHING, blobs: 1, snapshots: 1 });
  const base = engine.images.get('base:1');
  const { untagged, deleted } = await engine.images.remove(base.id, REMOVE);
  assert.deepEqual([untagged, deleted], [['base:1'], [base.id, base.snapshot ?? '']]);
  assert.deepEqual(await filesOf(engine), NOTHING);
  await assert.rejects(engine.images.remove('base:1', REMOVE), {
    kind: 'notFound',
    message: 'No such image: base:1',
  });
});

test('remove() by ID wants force for several names', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, APP);
  await engine.images.tag('app:1', 'app:2');
  const { id } = engine.images.get('app:1');
  await assert.rejects(engine.images.remove(id, REMOVE), {
    kind: 'conflict',
    message: `conflict: unable to delete ${id.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
  });
  const { untagged, deleted } = await engine.images.remove(id.slice(7, 19), FORCE);
  assert.deepEqual(untagged, ['app:1', 'app:2']);
  assert.equal(deleted[0], id);
});

test('remove() refuses the last name of an image a container uses; force leaves the image to it', {
  skip,
}, async () => {
  let users: string[] = [C1];
  await using engine = startImageEngine({ isUsed: () => users, isRunning: () => true });
  await load(engine, APP);
  const { id, snapshot } = engine.images.get('app:1');
  engine.snapshots.prepare(C1, snapshot);
  await assert.rejects(engine.images.remove('app:1', REMOVE), {
    kind: 'conflict',
    message: `conflict: unable to remove repository reference "app:1" (must force) - container ${C1.slice(0, 12)} is using its referenced image ${id.slice(7, 19)}`,
  });
  await assert.rejects(engine.images.remove(id, FORCE), {
    kind: 'conflict',
    message: `conflict: unable to delete ${id.slice(7, 19)} (cannot be forced) - image is being used by running container ${C1.slice(0, 12)}`,
  });
  assert.deepEqual(await engine.images.remove('app:1', FORCE), {
    untagged: ['app:1'],
    deleted: [],
    freedBytes: 0,
  });
  assert.deepEqual(engine.images.get(id).repoTags, []);
  users = [];
  engine.snapshots.remove(C1);
  assert.equal((await engine.images.remove(id, REMOVE)).deleted.length, 3);
  assert.deepEqual(await filesOf(engine), NOTHING);
});

test('remove() by force takes the image of a stopped container, but not the layers under it', {
  skip,
}, async () => {
  await using engine = startImageEngine({ isUsed: () => [C1] });
  await load(engine, APP);
  const { id, snapshot } = engine.images.get('app:1');
  engine.snapshots.prepare(C1, snapshot);
  await assert.rejects(engine.images.remove(id, REMOVE), {
    kind: 'conflict',
    message: `conflict: unable to delete ${id.slice(7, 19)} (must be forced) - image is being used by stopped container ${C1.slice(0, 12)}`,
  });
  const { untagged, deleted } = await engine.images.remove('app:1', FORCE);
  assert.deepEqual([untagged, deleted], [['app:1'], [id]]);
  assert.ok(engine.snapshots.mounts(C1));
  engine.snapshots.remove(C1);
  engine.images.sweep();
  assert.deepEqual(await filesOf(engine), NOTHING);
});

test('loads and removals of the same layers at the same time do not harm each other', { skip }, async () => {
  await using engine = startImageEngine();
  const images = Array.from(
    { length: 6 },
    (_, index): TestImage => ({
      ...APP,
      tags: [`app:${index}`],
      config: { Cmd: [String(index % 3)] },
    }),
  );
  await Promise.all(
    images.map(async (image, index) => {
      await engine.images.load(Readable.from([dockerArchive([image])]), () => undefined);
      if (index % 2 === 0) await engine.images.remove(`app:${index}`, FORCE);
    }),
  );
  // 0 and 3, 1 and 4, 2 and 5 are one image each, with two names of which one is left
  assert.deepEqual(
    engine.images
      .list()
      .flatMap(({ repoTags }) => repoTags)
      .toSorted(),
    ['app:1', 'app:3', 'app:5'],
  );
  for (const { snapshot = '' } of engine.images.list())
    assert.equal(engine.snapshots.layerDirectories(snapshot).length, 2);
  assert.deepEqual(await filesOf(engine), { ...NOTHING, blobs: 2, snapshots: 2 });
});

test('a dangling image is removed by its ID', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, { ...APP, tags: [] });
  const [image] = engine.images.list();
  assert.ok(image);
  assert.deepEqual(image.repoTags, []);
  assert.equal((await engine.images.remove(image.id.slice(7, 12), REMOVE)).deleted.length, 3);
});
