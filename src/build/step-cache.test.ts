import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Digest } from '#base/ids';
import type { LayerRecord } from '#image/image-table';
import { Database } from '#store/database';
import { StepCache } from './step-cache.ts';
import { buildMigrations, StepTable } from './step-table.ts';

const QUIET = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const digest = (name: string): Digest => `sha256:${name}`;

const layer = (name: string): LayerRecord => ({
  diffId: digest(name),
  chainId: digest(name),
  sizeBytes: 100,
  blobDigest: digest(name),
  blobBytes: 120,
  mediaType: 'tar',
});

function setUp(limits: { readonly maxBytes?: number } = {}) {
  const db = new Database(':memory:');
  db.migrate(buildMigrations, QUIET);
  const held = new Map<string, number>();
  const collected: string[] = [];
  const lost = new Set<string>();
  const layers = {
    hasLayer: ({ chainId }: LayerRecord) => !lost.has(chainId),
    hold: (list: readonly LayerRecord[]) => {
      for (const { chainId } of list) held.set(chainId, (held.get(chainId) ?? 0) + 1);
      return {
        [Symbol.dispose]: () => {
          for (const { chainId } of list) held.set(chainId, (held.get(chainId) ?? 0) - 1);
        },
      };
    },
    collect: (list: readonly LayerRecord[]) => void collected.push(...list.map(({ chainId }) => chainId)),
  };
  const open = (): StepCache => new StepCache({ table: new StepTable(db), layers, logger: QUIET, ...limits });
  const add = (cache: StepCache, name: string, made: LayerRecord | undefined = layer(name)): void =>
    void cache.add({ key: digest(`key-${name}`), description: name, parentChain: undefined, layer: made });
  return { db, held, collected, lost, open, add };
}

test('what a step led to is found again, by the next engine too, and its layer is held by both', () => {
  const { held, open, add } = setUp();
  add(open(), 'a');
  using users = new DisposableStack();
  const next = open();
  assert.equal(next.find(digest('key-a'), users)?.layer?.chainId, digest('a'));
  assert.equal(next.find(digest('key-b'), users), undefined);
  assert.equal(held.get(digest('a')), 3); // by each of the two, and by the build
  users.dispose();
  assert.equal(held.get(digest('a')), 2);
});

test('a step that changed no file is found, too', () => {
  const { open } = setUp();
  const cache = open();
  cache.add({ key: digest('key'), description: 'true', parentChain: undefined, layer: undefined });
  using users = new DisposableStack();
  const found = cache.find(digest('key'), users);
  assert.ok(found);
  assert.equal(found.layer, undefined);
});

test('a result whose layer is gone is forgotten', () => {
  const { lost, collected, open, add } = setUp();
  const cache = open();
  add(cache, 'a');
  lost.add(digest('a'));
  using users = new DisposableStack();
  assert.equal(cache.find(digest('key-a'), users), undefined);
  assert.deepEqual([cache.list(), collected], [[], [digest('a')]]);
});

test('a result in the place of another lets go of that one’s layer', () => {
  const { held, collected, open, add } = setUp();
  const cache = open();
  add(cache, 'a');
  add(cache, 'a', layer('other'));
  assert.deepEqual([held.get(digest('a')), held.get(digest('other')), collected], [0, 1, [digest('a')]]);
  assert.equal(cache.list().length, 1);
});

test('trim() takes what was used longest ago, and nothing that a build needs', () => {
  const { collected, open, add } = setUp({ maxBytes: 250 });
  const cache = open();
  using users = new DisposableStack();
  for (const name of ['a', 'b', 'c', 'd']) add(cache, name);
  cache.use(digest('key-a'), layer('a'), users);
  cache.trim();
  assert.deepEqual(collected, [digest('b')]);
  assert.deepEqual(
    cache.list().map(({ description }) => description),
    ['a', 'c', 'd'],
  );
});
