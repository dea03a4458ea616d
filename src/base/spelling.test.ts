import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  editDistance,
  hasCurlyQuotes,
  nearest,
  startsWithLongDash,
  withPlainDashes,
  withPlainQuotes,
} from './spelling.ts';

test('editDistance() counts letters added, dropped, changed, and neighbours swapped', () => {
  for (const [a, b, distance] of [
    ['run', 'run', 0],
    ['rnu', 'run', 1],
    ['imgaes', 'images', 1],
    ['image', 'images', 1],
    ['stat', 'start', 1],
    ['', 'abc', 3],
    ['kill', 'pull', 2],
  ] as const) {
    assert.equal(editDistance(a, b), distance, `${a} ${b}`);
  }
});

test('nearest() finds a slip and leaves what is too far', () => {
  const words = ['run', 'rm', 'images', 'inspect', 'network'];
  assert.equal(nearest('rnu', words), 'run');
  assert.equal(nearest('imags', words), 'images');
  assert.equal(nearest('inspcet', words), 'inspect');
  assert.equal(nearest('frobnicate', words), undefined);
  assert.equal(nearest('xyz', words), undefined);
});

test('dashes and quotes of word processors are known and put right', () => {
  assert.ok(startsWithLongDash('–rm'));
  assert.ok(!startsWithLongDash('-rm'));
  assert.equal(withPlainDashes('—restart'), '--restart');
  assert.ok(hasCurlyQuotes('“x”'));
  assert.ok(!hasCurlyQuotes('"x" \'y\''));
  assert.equal(withPlainQuotes('“a” ‘b’ «c»'), '"a" \'b\' "c"');
});
