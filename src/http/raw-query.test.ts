import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTarget } from './raw-query.ts';

test('parseTarget() decodes the path, and keeps every value of a parameter', () => {
  const { path, query } = parseTarget(
    '/images/localhost%3A5000%2Fa/json?changes=A+B&changes=C%3D1&x&__proto__=y',
  );
  assert.equal(path, '/images/localhost:5000/a/json');
  assert.deepEqual({ ...query }, { changes: ['A B', 'C=1'], x: [''], ['__proto__']: ['y'] });
  assert.equal(Object.getPrototypeOf(query), null);
});

for (const target of ['/a%', '/a%ff%fe', '/a%00b', 'http://elsewhere/info', '*', '']) {
  test(`parseTarget() refuses ${JSON.stringify(target)}`, () => {
    assert.throws(() => parseTarget(target), { kind: 'invalid' });
  });
}
