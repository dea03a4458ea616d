import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absolutePath } from './archive-access.ts';

for (const [given, meant] of [
  ['/a/b', '/a/b'],
  ['a/b', '/a/b'],
  ['/a/b/', '/a/b/'],
  ['/a/b/.', '/a/b/.'],
  ['a/./b//c', '/a/b/c'],
  ['/a/../../..', '/'],
  ['../../etc', '/etc'],
  ['.', '/'],
  ['/', '/'],
  ['//', '/'],
  ['/a/..', '/'],
] as const) {
  test(`absolutePath() of ${given}`, () => assert.equal(absolutePath(given), meant));
}

for (const given of ['', '/a\0b']) {
  test(`absolutePath() refuses ${JSON.stringify(given)}`, () =>
    assert.throws(() => absolutePath(given), { kind: 'invalid', message: /^bad parameter: path / }));
}
