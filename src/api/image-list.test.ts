import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { ContainerConfig } from '#spec/docker/container-config';
import { fakeImage, fakeImages } from './fake-services.ts';
import { filterImages } from './image-list.ts';

const labelled = v.parse(ContainerConfig, { Labels: { tier: 'a' } });
const ALL = [
  fakeImage({ id: 'sha256:old', createdAt: 1000, repoTags: ['busybox:1', 'mine/box:2'], config: labelled }),
  fakeImage({ id: 'sha256:mid', createdAt: 2000, repoTags: ['localhost:5000/a/b:1'] }),
  fakeImage({ id: 'sha256:new', createdAt: 3000, repoTags: [] }),
];
const images = fakeImages({
  list: () => ALL,
  get: reference => ALL.find(({ id }) => id.endsWith(reference)) ?? fakeImages().get(reference),
});

const CASES: readonly [filters: Record<string, string[]>, ids: string[]][] = [
  [{}, ['new', 'mid', 'old']],
  [{ dangling: ['true'] }, ['new']],
  [{ dangling: ['0'] }, ['mid', 'old']],
  [{ label: ['tier=a'] }, ['old']],
  [{ before: ['mid'] }, ['old']],
  [{ since: ['mid'] }, ['new']],
  [{ until: ['2.5'] }, ['mid', 'old']],
  [{ reference: ['busybox'] }, ['old']],
  [{ reference: ['busy*'] }, ['old']],
  [{ reference: ['*box*'] }, ['old']],
  [{ reference: ['*:2'] }, []],
  [{ reference: ['*/*:2'] }, ['old']],
  [{ reference: ['*'] }, ['old']],
  [{ reference: ['localhost:5000/*/?'] }, ['mid']],
  [{ reference: ['nothing', 'mine/box:2'] }, ['old']],
];

for (const [filters, ids] of CASES) {
  test(`filterImages() by ${JSON.stringify(filters)} finds ${ids.join(', ') || 'nothing'}`, () => {
    const found = filterImages(images, new Map(Object.entries(filters)));
    assert.deepEqual(
      found.map(({ id }) => id.slice('sha256:'.length)),
      ids,
    );
  });
}

test('filterImages() shows only the names that were asked for', () => {
  const [found] = filterImages(images, new Map([['reference', ['busy*']]]));
  assert.deepEqual(found?.repoTags, ['busybox:1']);
});

test('filterImages() does not run for ever on a hostile pattern', () => {
  const long = fakeImage({ repoTags: [`${'a'.repeat(4000)}:1`] });
  const hostile = `${'*a'.repeat(120)}b`;
  assert.deepEqual(filterImages(fakeImages({ list: () => [long] }), new Map([['reference', [hostile]]])), []);
});
