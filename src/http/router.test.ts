import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reply } from './reply.ts';
import { route } from './route.ts';
import { Router } from './router.ts';

const router = new Router(
  [
    'GET /images/json',
    'GET /images/{name}/json',
    'DELETE /images/{name}',
    'GET /services/{id}',
    'GET /services/{id}/logs',
    'GET /a.b/{x}',
  ].map(endpoint => {
    const [method = '', pattern = ''] = endpoint.split(' ');
    return route(method, pattern, {}, () => reply.empty());
  }),
);

const MATCHES: readonly [method: string, path: string, pattern: string, params: Record<string, string>][] = [
  ['GET', '/images/json', '/images/json', {}],
  ['GET', '/images/localhost:5000/a/b:1/json', '/images/{name}/json', { name: 'localhost:5000/a/b:1' }],
  ['GET', '/images/json/json', '/images/{name}/json', { name: 'json' }],
  ['DELETE', '/images/localhost:5000/a/b:1', '/images/{name}', { name: 'localhost:5000/a/b:1' }],
  ['GET', '/services/x/logs', '/services/{id}/logs', { id: 'x' }],
  ['GET', '/services/x', '/services/{id}', { id: 'x' }],
  ['GET', '/a.b/line\nbreak', '/a.b/{x}', { x: 'line\nbreak' }],
];

for (const [method, path, pattern, params] of MATCHES) {
  test(`match() finds ${pattern} for ${method} ${JSON.stringify(path)}`, () => {
    const match = router.match(method, path);
    assert.equal(match.route.pattern, pattern);
    assert.deepEqual(match.params, params);
  });
}

test('match() refuses an unknown path with 404, and a known one with 405 and what is allowed', () => {
  assert.throws(() => router.match('GET', '/nothing'), { status: 404, message: 'page not found' });
  assert.throws(() => router.match('GET', '/images//json/x'), { status: 405 });
  assert.throws(() => router.match('GET', '/aXb/x'), { status: 404 });
  assert.throws(() => router.match('GET', '/services/'), { status: 404 });
  assert.throws(() => router.match('PUT', '/images/x/json'), {
    status: 405,
    headers: { Allow: 'GET, DELETE' },
  });
});
