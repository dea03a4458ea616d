import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesTag, parseContentRange, parseRange } from './byte-range.ts';

test('parseRange() gives a part, all, or what is not there', () => {
  const cases: readonly (readonly [string | undefined, number, unknown])[] = [
    [undefined, 10, undefined],
    ['bytes=0-4', 10, { first: 0, last: 4 }],
    ['bytes=5-', 10, { first: 5, last: 9 }],
    ['bytes=-3', 10, { first: 7, last: 9 }],
    ['BYTES=0-99', 10, { first: 0, last: 9 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    [`bytes=0-${'9'.repeat(16)}`, 10, 'unsatisfiable'],
    ['bytes=4-1', 10, undefined],
    ['bytes=0-1,3-4', 10, undefined],
    ['bytes=-', 10, undefined],
    ['items=0-1', 10, undefined],
  ];
  for (const [header, size, expected] of cases)
    assert.deepEqual(parseRange(header, size), expected, String(header));
});

test('parseContentRange() takes both ways of writing it', () => {
  assert.deepEqual(parseContentRange('0-9'), { first: 0, last: 9 });
  assert.deepEqual(parseContentRange('bytes 5-9/10'), { first: 5, last: 9 });
  assert.deepEqual(parseContentRange('bytes 5-9/*'), { first: 5, last: 9 });
  for (const bad of ['', '5', '9-5', '-5', '5-', 'a-b', '0-9x', `0-${'1'.repeat(16)}`]) {
    assert.equal(parseContentRange(bad), undefined, bad);
  }
});

test('namesTag() looks at each tag of the list', () => {
  assert.ok(namesTag('"a", W/"b"', '"b"'));
  assert.ok(namesTag('*', '"b"'));
  assert.ok(!namesTag('"a"', '"b"'));
  assert.ok(!namesTag(undefined, '"b"'));
});
