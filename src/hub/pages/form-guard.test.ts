import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCookie, setCookie } from './cookies.ts';
import { checkForm, formToken } from './form-guard.ts';

const secret = 'a-secret-of-a-session';
const token = formToken(secret);
const host = 'hub.example:5000';

test('checkForm() knows the hub by the name it has behind a proxy', () => {
  const headers = { host: '127.0.0.1:5000', origin: 'https://hub.example' };
  checkForm(headers, { secret, token, host: 'hub.example' });
  assert.throws(() => checkForm(headers, { secret, token, host: 'other.example' }), { kind: 'forbidden' });
  assert.throws(() => checkForm({ ...headers, origin: 'null' }, { secret, token, host: 'hub.example' }));
});

test('checkForm() lets a form of this site in', () => {
  checkForm({ host }, { secret, token });
  checkForm({ host, origin: 'http://hub.example:5000', 'sec-fetch-site': 'same-origin' }, { secret, token });
});

const REFUSED: readonly [
  what: string,
  headers: Record<string, string>,
  secret: string | undefined,
  token: string,
][] = [
  ['no token', { host }, secret, ''],
  ['the token of another session', { host }, secret, formToken('another')],
  ['no session', { host }, undefined, token],
  ['another site', { host, 'sec-fetch-site': 'cross-site' }, secret, token],
  ['a neighbour', { host, 'sec-fetch-site': 'same-site' }, secret, token],
  ['another origin', { host, origin: 'https://evil.example' }, secret, token],
  ['another port', { host, origin: 'http://hub.example' }, secret, token],
  ['a hidden origin', { host, origin: 'null' }, secret, token],
];

for (const [what, headers, session, sent] of REFUSED) {
  test(`checkForm() refuses ${what}`, () => {
    assert.throws(() => checkForm(headers, { secret: session, token: sent }), { kind: 'forbidden' });
  });
}

test('cookies are for this host alone, and out of the reach of scripts', () => {
  assert.equal(
    setCookie('quai-session', 'v', { isSecure: true }),
    '__Host-quai-session=v; Path=/; HttpOnly; SameSite=Lax; Secure',
  );
  assert.equal(
    setCookie('quai-session', '', { isSecure: false, maxAgeSeconds: 9 }),
    'quai-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0',
  );
});

test('readCookie() finds ours among others, and nothing that does not look like ours', () => {
  const value = 'x'.repeat(32);
  const header = `a=b; __Host-quai-session=${value}; quai-session=other`;
  assert.equal(readCookie(header, 'quai-session', { isSecure: true }), value);
  assert.equal(readCookie(header, 'quai-session', { isSecure: false }), undefined);
  assert.equal(readCookie('quai-session="<b>"', 'quai-session', { isSecure: false }), undefined);
  assert.equal(
    readCookie(`${'x=y;'.repeat(5000)}quai-session=${value}`, 'quai-session', { isSecure: false }),
    undefined,
  );
  assert.equal(readCookie(undefined, 'quai-visitor', { isSecure: true }), undefined);
});
