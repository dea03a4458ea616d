import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchPath, pathPattern } from './path-pattern.ts';

const PATTERNS = ['/v/{a}', '/v/{a}/t/{b}', '/v/{a}/{b}/t/{c}/', '/v/{a}/t', '/v/{a}/{b}', '/v', '/v/'];

/** What a pattern means, said by a regular expression. */
function byExpression(pattern: string, path: string): Record<string, string> | undefined {
  const names = [...pattern.matchAll(/\{(\w)\}/g)].map(([, name = '']) => name);
  const match = new RegExp(`^${pattern.replaceAll(/\{\w\}/g, '(.+)')}$`, 's').exec(path);
  return match ? Object.fromEntries(names.map((name, at) => [name, match[at + 1] ?? ''])) : undefined;
}

test('matchPath() reads every short path as the regular expression of the pattern would', () => {
  const pieces = ['/', 't', 'x', '/t/', '/t'];
  let paths = ['/v', '/v/'];
  let matched = 0;
  for (let length = 0; length < 5; length++) {
    for (const path of paths) {
      for (const pattern of PATTERNS) {
        const params = matchPath(pathPattern(pattern), path);
        assert.deepEqual(params, byExpression(pattern, path), `${pattern} of ${path}`);
        if (params) matched += 1;
      }
    }
    paths = paths.flatMap(path => pieces.map(piece => path + piece));
  }
  assert.ok(matched > 500);
});

test('matchPath() is quick also where a long path could be read in very many ways', () => {
  const pattern = pathPattern('/v2/repositories/{namespace}/{repository}/tags/{tag}/');
  const since = performance.now();
  for (const path of ['a/'.repeat(120_000), `${'/tags/a'.repeat(30_000)}x`]) {
    assert.equal(matchPath(pattern, `/v2/repositories/${path}x`), undefined);
    assert.ok(matchPath(pattern, `/v2/repositories/a/${path}/tags/x/`));
  }
  assert.ok(performance.now() - since < 1000, 'it took as long as a backtracking expression');
});
