import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownValue } from './own-value.ts';

test('ownValue() finds what was put there, and nothing that objects inherit', () => {
  const map = JSON.parse('{"__proto__":"a","plain":"b"}') as Record<string, string>;
  assert.deepEqual([ownValue(map, '__proto__'), ownValue(map, 'plain')], ['a', 'b']);
  for (const key of ['constructor', 'toString', 'hasOwnProperty'])
    assert.equal(ownValue(map, key), undefined);
});
