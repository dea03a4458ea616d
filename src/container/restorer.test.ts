import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerId } from '#base/ids';
import { isForgotten } from './restorer.ts';

const id = 'c1' as ContainerId;
const container = { id, hostConfig: { AutoRemove: true }, state: { status: 'created' } } as const;

test('isForgotten(): a --rm container of an earlier life that does not run', () => {
  const inherited = new Set([id]);
  assert.equal(isForgotten(container, inherited), true);
  assert.equal(isForgotten({ ...container, state: { status: 'running' } }, inherited), false);
  assert.equal(isForgotten({ ...container, hostConfig: { AutoRemove: false } }, inherited), false);
});

test('isForgotten(): not one that was made since the engine answers, and is about to be started', () => {
  assert.equal(isForgotten(container, new Set()), false);
});
