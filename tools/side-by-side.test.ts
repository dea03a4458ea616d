import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sideBySide } from './side-by-side.ts';

test('sideBySide() begins in order, never more than the limit, and gives results as they come', async () => {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const results = sideBySide(['a', 'b', 'c'], 2, item => {
    begun.push(item);
    return new Promise<string>(resolve => ends.set(item, () => resolve(item)));
  });
  const first = results.next();
  assert.deepEqual(begun, ['a', 'b']);
  ends.get('b')?.();
  assert.deepEqual(await first, { done: false, value: 'b' });
  assert.deepEqual(begun, ['a', 'b', 'c']);
  ends.get('a')?.();
  ends.get('c')?.();
  const rest: string[] = [];
  for await (const result of results) rest.push(result);
  assert.deepEqual(rest, ['a', 'c']);
});
