import assert from 'node:assert/strict';
import { test } from 'node:test';
import { medianInterval, summarize } from './statistics.ts';

test('summarize() gives median, p90 and minimum, whatever the order', () => {
  assert.deepEqual(summarize([5, 1, 3, 2, 4]), { median: 3, p90: 4.6, min: 1, runs: 5 });
  assert.deepEqual(summarize([2, 4]), { median: 3, p90: 3.8, min: 2, runs: 2 });
  assert.deepEqual(summarize([7]), { median: 7, p90: 7, min: 7, runs: 1 });
  assert.throws(() => summarize([]), RangeError);
});

test('medianInterval(): the ranks that statisticians tabulate', () => {
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => count - index);
  assert.deepEqual(medianInterval(upTo(20)), [6, 15]);
  assert.deepEqual(medianInterval(upTo(30)), [10, 21]);
  assert.deepEqual(medianInterval(upTo(10)), [2, 9]);
  assert.deepEqual(medianInterval(upTo(6)), [1, 6]);
  assert.deepEqual(medianInterval(upTo(3)), [1, 3]);
  assert.throws(() => medianInterval([]), RangeError);
});
