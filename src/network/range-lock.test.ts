import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { lockRanges } from './range-lock.ts';

test('lockRanges(): the second one waits for the first, and not for ever', async () => {
  const folder = mkdtempSync(`${tmpdir()}/quai-unit-`);
  try {
    const file = `${folder}/lock`;
    const first = await lockRanges({ file });
    const order: string[] = [];
    const second = lockRanges({ file }).then(lock => {
      order.push('second');
      return lock;
    });
    await nextTurn();
    order.push('first is done');
    first[Symbol.dispose]();
    using _second = await second;
    assert.deepEqual(order, ['first is done', 'second']);
    using _third = await lockRanges({ file, patienceMs: 0 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('lockRanges() does without where it cannot lock', async () => {
  using _lock = await lockRanges({ file: '/no/such/folder/lock' });
});
