import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRealm } from './token-request.ts';

function check(realm: string, origin: string, authHosts?: readonly string[]): string {
  return checkRealm({ realm, registry: { origin, address: 'public' }, authHosts }).href;
}

test('checkRealm() takes the registry itself, and others by https', () => {
  assert.equal(check('https://r.example/token', 'https://r.example'), 'https://r.example/token');
  assert.equal(check('https://auth.example/t?a=b#c', 'https://r.example'), 'https://auth.example/t?a=b');
  assert.equal(check('http://r.example:81/t', 'http://r.example:80'), 'http://r.example:81/t');
});

test('checkRealm() refuses plain text elsewhere, credentials in it, other schemes, and hosts the rules leave out', () => {
  const refused = (realm: string, origin = 'https://r.example', hosts?: readonly string[]): void =>
    assert.throws(
      () => check(realm, origin, hosts),
      { kind: 'unauthorized', message: /^no token is asked for at/ },
      realm,
    );
  refused('http://r.example/token');
  refused('http://auth.example/token', 'http://r.example');
  refused('https://ann:secret@auth.example/token');
  refused('ftp://auth.example/token');
  refused('token');
  refused('');
  refused('https://evil.example/token', 'https://r.example', ['auth.example']);
  assert.ok(check('https://auth.example/token', 'https://r.example', ['auth.example']));
});
