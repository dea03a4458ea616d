import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rateLimitOf, rateLimitText } from './rate-limit.ts';

test('rateLimitOf() reads what Docker Hub tells; rateLimitText() says it', () => {
  const limit = rateLimitOf({ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' });
  assert.deepEqual(limit, { limit: 100, remaining: 76, windowSeconds: 21_600 });
  assert.equal(limit && rateLimitText(limit), '76 of 100 pulls left, per 6 h');
  assert.equal(rateLimitText({ limit: 9, remaining: 0, windowSeconds: 90 }), '0 of 9 pulls left, per 90 s');
  assert.equal(rateLimitText({ limit: 9, remaining: 0, windowSeconds: 0 }), '0 of 9 pulls left');
  for (const odd of [
    {},
    { 'ratelimit-limit': '100' },
    { 'ratelimit-limit': 'x', 'ratelimit-remaining': '1e9' },
  ]) {
    assert.equal(rateLimitOf(odd), undefined);
  }
});
