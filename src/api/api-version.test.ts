import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitVersion } from './api-version.ts';

const SPLIT: readonly [path: string, rest: string, version: number][] = [
  ['/info', '/info', 55],
  ['/v1.24/info', '/info', 24],
  ['/v1.55/containers/v1.20/json', '/containers/v1.20/json', 55],
  ['/v1.40.2/info', '/info', 40],
  ['/version', '/version', 55],
  ['/v1.45', '/v1.45', 55],
  ['/vx/info', '/vx/info', 55],
];

for (const [path, rest, version] of SPLIT) {
  test(`splitVersion() takes ${path} apart`, () => {
    assert.deepEqual(splitVersion(path), { path: rest, version });
  });
}

test('splitVersion() refuses what is not served, in words that clients know', () => {
  assert.throws(() => splitVersion('/v1.23/info'), {
    kind: 'invalid',
    message:
      'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  });
  for (const version of ['1.56', '2.0', '1.99', '10.1']) {
    assert.throws(() => splitVersion(`/v${version}/info`), {
      kind: 'invalid',
      message: `client version ${version} is too new. Maximum supported API version is 1.55`,
    });
  }
  for (const version of ['1', '1.1', '0.99', '1.', '1.9']) {
    assert.throws(() => splitVersion(`/v${version}/info`), { kind: 'invalid', message: /too old/ });
  }
});
