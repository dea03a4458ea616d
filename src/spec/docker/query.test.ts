import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { queryFlag, queryFlagOn, queryInteger, queryList, querySize, queryText } from './query.ts';

test('queryFlag is false for what Docker takes for false, and true for anything else', () => {
  for (const value of [undefined, [], [''], ['0'], ['no'], ['False'], [' none '], ['0', '1']]) {
    assert.equal(v.parse(queryFlag, value), false, String(value));
  }
  for (const value of [['1'], ['true'], ['yes'], ['00'], ['anything']]) {
    assert.equal(v.parse(queryFlag, value), true, String(value));
  }
});

test('queryFlagOn is true when absent', () => {
  assert.equal(v.parse(queryFlagOn, undefined), true);
  assert.equal(v.parse(queryFlagOn, ['']), true);
  assert.equal(v.parse(queryFlagOn, ['0']), false);
});

test('queryText takes the first value, queryList all', () => {
  assert.equal(v.parse(queryText, ['a', 'b']), 'a');
  assert.equal(v.parse(queryText, undefined), '');
  assert.deepEqual(v.parse(queryList, ['a', 'b']), ['a', 'b']);
});

test('queryInteger reads what Go reads, and refuses the rest in its words', () => {
  assert.equal(v.parse(queryInteger, ['-5']), -5);
  assert.equal(v.parse(queryInteger, ['']), undefined);
  for (const text of ['x', '1.5', '1e3', '0x10', ' 1', '9'.repeat(30)]) {
    assert.throws(() => v.parse(queryInteger, [text]), {
      kind: 'invalid',
      message: `strconv.Atoi: parsing "${text}": invalid syntax`,
    });
  }
});

test('querySize wants a whole number that fits 32 bits', () => {
  assert.equal(v.parse(querySize('height'), ['24']), 24);
  for (const text of ['', '-1', 'x', '4294967296']) {
    assert.throws(() => v.parse(querySize('height'), [text]), {
      kind: 'invalid',
      message: /invalid resize height/,
    });
  }
});
