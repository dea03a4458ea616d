import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import * as v from 'valibot';
import { silentLogger } from '#base/logger';
import { ContainerConfig } from '#spec/docker/container-config';
import type { Image } from '../image.ts';
import { ImageCleaner } from './image-cleaner.ts';

const DAY = 24 * 3600 * 1000;

function image(name: string, days: number, repoTags: readonly string[] = [`${name}:1`]): Image {
  return {
    id: `sha256:${name}`,
    repoTags: [...repoTags],
    repoDigests: [],
    author: '',
    comment: '',
    platform: { os: 'linux', architecture: 'amd64' },
    config: v.parse(ContainerConfig, {}),
    diffIds: [],
    sizeBytes: 10,
    history: [],
    addedAt: Date.now() - days * DAY,
    isVariant: false,
    configBytes: 1,
    layers: [],
  };
}

/** Images that lose a name at each removal; `meanwhile` happens before the next one. */
function store(images: Image[], meanwhile: (removed: string) => void = () => undefined) {
  const removed: string[] = [];
  const used = new Set<string>();
  const cleaner = new ImageCleaner({
    policy: { unusedDays: 30, keepLabels: [] },
    list: () => images,
    isUsed: ({ id }) => used.has(id),
    remove: async name => {
      removed.push(name);
      const place = images.findIndex(({ id, repoTags }) => id === name || repoTags.includes(name));
      const [found] = images.splice(place, 1);
      const left = found?.repoTags.filter(tag => tag !== name) ?? [];
      if (found && left.length > 0) images.push({ ...found, repoTags: left });
      await Promise.resolve();
      meanwhile(name);
    },
    root: tmpdir(),
    events: { emit: () => undefined },
    logger: silentLogger,
  });
  return { cleaner, removed, used };
}

test('run() removes an image by all of its names', async () => {
  const { cleaner, removed } = store([image('a', 90, ['a:1', 'a:2']), image('b', 80, []), image('c', 1)]);
  const { items } = await cleaner.run();
  assert.deepEqual(removed, ['a:1', 'a:2', 'sha256:b']);
  assert.deepEqual(
    items.map(item => item.image.id),
    ['sha256:a', 'sha256:b'],
  );
});

test('run() leaves alone what a name means that moved since it was planned', async () => {
  const images = [image('a', 90), image('b', 80, ['app:1'])];
  const { cleaner, removed } = store(images, name => {
    if (name === 'a:1') images.splice(0, images.length, image('b', 80, []), image('new', 0, ['app:1']));
  });
  await cleaner.run();
  assert.deepEqual(removed, ['a:1', 'sha256:b']);
  assert.deepEqual(
    images.map(({ id }) => id),
    ['sha256:new'],
  );
});

test('run() leaves alone what was tagged or used since it was planned, with all the names it still has', async () => {
  const images = [image('a', 90), image('b', 80, []), image('c', 70, ['c:1', 'c:2'])];
  const { cleaner, removed, used } = store(images, name => {
    if (name === 'a:1') images[0] = { ...image('b', 80, ['app:1']), lastTaggedAt: Date.now() };
    if (name === 'c:1') used.add('sha256:c');
  });
  const { items } = await cleaner.run();
  assert.deepEqual(removed, ['a:1', 'c:1']);
  assert.deepEqual(
    items.map(item => item.image.id),
    ['sha256:a'],
  );
});

test('run() does not take a clock that was set forward for a year that passed', async t => {
  t.mock.timers.enable({ apis: ['Date'], now: 1000 * DAY });
  const { cleaner, removed } = store([image('fresh', 0)]);
  t.mock.timers.setTime(1365 * DAY);
  assert.deepEqual((await cleaner.run()).items, []);
  assert.deepEqual(removed, []);
});
