import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLinkLocal } from './link-local.ts';

test('parseLinkLocal() takes addresses of both families, each once', () => {
  assert.deepEqual(parseLinkLocal(), []);
  assert.deepEqual(parseLinkLocal(['169.254.7.7', 'FE80:0::77', 'fe80::77']), ['169.254.7.7', 'fe80::77']);
});

for (const asked of [
  ['10.0.0.1'],
  ['fd00::1'],
  ['junk'],
  ['fe80::1%eth0'],
  Array<string>(17).fill('fe80::1'),
]) {
  test(`parseLinkLocal() refuses ${asked[0]}, ${asked.length} of it`, () => {
    assert.throws(() => parseLinkLocal(asked), { kind: 'invalid', message: /link-local/ });
  });
}
