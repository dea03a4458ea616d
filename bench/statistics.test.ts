import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarize } from './statistics.ts';

test('summarize() gives median, p90 and minimum, whatever the order', () => {
  assert.deepEqual(summarize([5, 1, 3, 2, 4]), { median: 3, p90: 4.6, min: 1, runs: 5 });
  assert.deepEqual(summarize([2, 4]), { median: 3, p90: 3.8, min: 2, runs: 2 });
  assert.deepEqual(summarize([7]), { median: 7, p90: 7, min: 7, runs: 1 });
  assert.throws(() => summarize([]), RangeError);
});
