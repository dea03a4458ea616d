import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reply } from '#http/reply';
import { goMode, withPathStat } from './path-stat.ts';

for (const [what, unix, go] of [
  ['a file', 0o100644, 0o644],
  ['a directory with the sticky bit', 0o041777, 2 ** 31 + 2 ** 20 + 0o777],
  ['a link', 0o120777, 2 ** 27 + 0o777],
  ['a set-user-ID program', 0o104755, 2 ** 23 + 0o755],
  ['a character device', 0o020600, 2 ** 26 + 2 ** 21 + 0o600],
  ['a pipe', 0o010600, 2 ** 25 + 0o600],
] as const) {
  test(`goMode() of ${what}`, () => assert.equal(goMode(unix), go));
}

test('withPathStat() adds the header that Docker reads, whatever is in a name', () => {
  const stat = { name: 'ä"b\n', size: 5, mode: 0o100600, mtimeMs: 0, linkTarget: '' };
  const { headers } = withPathStat(reply.empty(), stat);
  const value = headers['X-Docker-Container-Path-Stat'] ?? '';
  assert.match(value, /^[A-Za-z0-9+/]+=*$/);
  assert.deepEqual(JSON.parse(Buffer.from(value, 'base64').toString()), {
    name: 'ä"b\n',
    size: 5,
    mode: 0o600,
    mtime: '1970-01-01T00:00:00.000Z',
    linkTarget: '',
  });
});
