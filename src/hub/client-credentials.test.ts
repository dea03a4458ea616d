import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, parseAuthorization } from './client-credentials.ts';

test('parseAuthorization() reads what clients send, and makes nothing of what is none', () => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
  assert.deepEqual(parseAuthorization(basic('alice:a:b')), { scheme: 'basic', name: 'alice', secret: 'a:b' });
  assert.deepEqual(parseAuthorization('bearer  x.y.z '), { scheme: 'bearer', token: 'x.y.z' });
  assert.deepEqual(parseAuthorization('JWT x'), { scheme: 'bearer', token: 'x' });
  for (const text of [
    '',
    'Basic',
    'Bearer',
    'Bearer a b',
    'Negotiate x',
    basic('alice'),
    'x'.repeat(100_000),
  ]) {
    assert.deepEqual(parseAuthorization(text), { scheme: 'unknown' }, text.slice(0, 20));
  }
});

test('addressOf() believes the last proxy, and nobody where there is none', () => {
  const request = (forwarded: string) => ({
    headers: { 'x-forwarded-for': forwarded },
    peer: { address: '10.0.0.1', isSecure: false },
  });
  const forged = request('127.0.0.1, 192.0.2.7');
  assert.equal(addressOf(forged, { isBehindProxy: false }), '10.0.0.1');
  assert.equal(addressOf(forged, { isBehindProxy: true }), '192.0.2.7');
  for (const none of ['', ' , ', 'x'.repeat(100)]) {
    assert.equal(addressOf(request(none), { isBehindProxy: true }), '10.0.0.1');
  }
});
