import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildCacheEntry } from './cache-entry.ts';
import { type CachePruneOptions, choose } from './cache-prune.ts';

const entry = (id: string, values: Partial<BuildCacheEntry>): BuildCacheEntry => ({
  id,
  kind: 'regular',
  description: '',
  sizeBytes: 100,
  createdAt: 0,
  lastUsedAt: 0,
  useCount: 1,
  isInUse: false,
  isShared: false,
  parents: [],
  ...values,
});

/** newest use first */
const ENTRIES = [
  entry('used', { lastUsedAt: 50, isInUse: true }),
  entry('shared', { lastUsedAt: 40, isShared: true }),
  entry('new', { lastUsedAt: 30 }),
  entry('empty', { lastUsedAt: 20, sizeBytes: 0 }),
  entry('old', { lastUsedAt: 10 }),
];

for (const [what, options, expected] of [
  ['nothing said', {}, ['new', 'empty', 'old']],
  ['all', { all: true }, ['shared', 'new', 'empty', 'old']],
  ['by age', { unusedSince: 20 }, ['old']],
  ['what was used last stays', { keepBytes: 150 }, ['old']],
  ['by id', { ids: ['ol', 'used'] }, ['old']],
] as const satisfies readonly (readonly [string, CachePruneOptions, readonly string[]])[]) {
  test(`choose(): ${what}`, () => {
    assert.deepEqual(
      choose(ENTRIES, options).map(({ id }) => id),
      [...expected],
    );
  });
}
