import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { ContainerConfig } from '#spec/docker/container-config';
import type { Image } from '../image.ts';
import { type CleanupPolicy, DEFAULT_CLEANUP, planCleanup } from './cleanup-plan.ts';

const DAY = 24 * 3600 * 1000;
const NOW = 1000 * DAY;

/** An image that was last used `days` ago, with layers by name of 10 bytes each. */
function image(
  name: string,
  days: number,
  change: Partial<Image> & { readonly stack?: string[] } = {},
): Image {
  const { stack = [name], ...rest } = change;
  return {
    id: `sha256:${name}`,
    repoTags: [`${name}:1`],
    repoDigests: [],
    author: '',
    comment: '',
    platform: { os: 'linux', architecture: 'amd64' },
    config: v.parse(ContainerConfig, {}),
    diffIds: [],
    sizeBytes: 10 * stack.length,
    history: [],
    addedAt: NOW - 500 * DAY,
    lastUsedAt: NOW - days * DAY,
    isVariant: false,
    configBytes: 1,
    layers: stack.map(layer => ({
      chainId: `sha256:${layer}`,
      sizeBytes: 10,
      blobDigest: `sha256:${layer}`,
      blobBytes: 5,
    })),
    ...rest,
  };
}

const untagged = { repoTags: [] };
const labelled = { config: v.parse(ContainerConfig, { Labels: { keep: 'yes' } }) };

function plan(
  images: readonly Image[],
  policy: Partial<CleanupPolicy>,
  used = 0,
  inUse: readonly string[] = [],
): string[] {
  const facts = {
    now: NOW,
    isUsed: ({ id }: Image) => inUse.includes(id.slice(7)),
    disk: { usedBytes: used, totalBytes: 100 },
  };
  return planCleanup(images, { keepLabels: [], ...policy }, facts).map(
    ({ image: { id }, reason, freedBytes }) => `${id.slice(7)} ${reason} ${freedBytes}`,
  );
}

test('the default takes untagged images after a week, and no tagged one however old', () => {
  const images = [image('old', 400), image('loose', 8, untagged), image('new', 6, untagged)];
  assert.deepEqual(plan(images, DEFAULT_CLEANUP, 100), ['loose dangling 10']);
});

test('images unused for the days of the policy go, the least recently used first; those in use and kept stay', () => {
  const images = [
    image('a', 31),
    image('b', 90),
    image('used', 90),
    image('kept', 90, labelled),
    image('c', 29),
  ];
  const policy = { unusedDays: 30, keepLabels: ['keep=yes'] };
  assert.deepEqual(plan(images, policy, 0, ['used']), ['b unused 10', 'a unused 10']);
  assert.deepEqual(plan([image('kept', 90, labelled)], { unusedDays: 30, keepLabels: ['keep=no'] }), [
    'kept unused 10',
  ]);
});

test('nothing younger than a day goes, whatever the policy and the disk say', () => {
  const images = [image('young', 0.9), image('pulled', 50, { addedAt: NOW - DAY / 2 }), image('day', 1)];
  const policy = { unusedDays: 0, water: { high: 10, low: 5 } };
  assert.deepEqual(plan(images, policy, 100), ['day unused 10']);
});

test('above the high water mark images go until the disk is below the low one', () => {
  const images = [image('a', 9), image('b', 7), image('c', 5), image('d', 3)];
  const policy = { water: { high: 90, low: 75 } };
  assert.deepEqual(plan(images, policy, 90), []);
  assert.deepEqual(plan(images, policy, 91), ['a disk 10', 'b disk 10']);
});

test('a layer that others have frees nothing until the last of them goes', () => {
  const images = [
    image('a', 90, { stack: ['base', 'a'] }),
    image('b', 80, { stack: ['base', 'b'] }),
    image('c', 1, { stack: ['other'] }),
  ];
  assert.deepEqual(plan(images, { unusedDays: 30 }), ['a unused 10', 'b unused 20']);
});

test('what shares a name goes with it, or stays with it', () => {
  const shared = { repoTags: ['app:1'] };
  const old = image('other-platform', 90, shared);
  const policy = { unusedDays: 30, keepLabels: ['keep'] };
  assert.deepEqual(plan([old, image('host', 1.5, shared)], policy), []);
  assert.deepEqual(plan([old, image('host', 0.5, shared)], { ...policy, unusedDays: 0 }), []);
  assert.deepEqual(plan([old, image('host', 90, shared)], policy, 0, ['host']), []);
  assert.deepEqual(plan([old, image('host', 90, { ...shared, ...labelled })], policy), []);
  assert.deepEqual(plan([old, image('host', 40, shared)], policy), [
    'other-platform unused 10',
    'host unused 10',
  ]);
});
