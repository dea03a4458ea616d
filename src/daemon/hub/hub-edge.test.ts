import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reply } from '#http/reply';
import { route } from '#http/route';
import { hubEdge, withHeads } from './hub-edge.ts';

test('hubEdge() lets the part answer for a failure that its path belongs to', () => {
  const part = (prefix: string) => ({ prefix, fail: () => reply.text(prefix) });
  const edge = hubEdge([part('/v2'), part('/api'), part('/api/inner')], () => reply.text('page'));
  const answers = ['/v2/', '/v2', '/v2x', '/api/x?y=/v2/', '/api/inner/x', '/', '//v2/x', ''].map(
    url => edge.fail(new Error('x'), { method: 'GET', url, headers: {} }).body,
  );
  assert.deepEqual(answers, ['/v2', '/v2', 'page', '/api', '/api/inner', 'page', 'page', 'page']);
});

test('withHeads() adds HEAD to what can be got, and keeps the HEAD that is there', () => {
  const answer = () => reply.noContent();
  const own = route('HEAD', '/blobs/{digest}', {}, answer);
  const routes = withHeads([
    own,
    route('GET', '/blobs/{digest}', {}, answer),
    route('GET', '/', {}, answer),
    route('POST', '/', {}, answer),
  ]);
  const heads = routes.filter(({ method }) => method === 'HEAD');
  assert.deepEqual(
    heads.map(({ pattern }) => pattern),
    ['/blobs/{digest}', '/'],
  );
  assert.equal(heads[0], own);
});
