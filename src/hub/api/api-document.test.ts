import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { TestHub } from '../test-hub.ts';

test('docs/hub-api.md lists the routes that are served, and no others', async () => {
  await using hub = new TestHub();
  const served = new Set(
    hub.hub.routes.map(({ method, pattern }) => `${method} ${pattern.replace(/\/$/, '')}`),
  );
  const text = readFileSync(new URL('../../../docs/hub-api.md', import.meta.url), 'utf8');
  const told = [...text.matchAll(/^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)` \|/gm)].map(
    match => match[1] ?? '',
  );
  assert.ok(told.length > 50);
  assert.deepEqual(told.toSorted(), [...served].toSorted());
});
