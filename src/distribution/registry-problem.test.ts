import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpResponse } from './http-message.ts';
import { parseErrors, printable, problemOf } from './registry-problem.ts';

function answer(status: number, body: string, challenge = ''): HttpResponse {
  return {
    status,
    statusText: 'Its Phrase',
    headers: challenge === '' ? {} : { 'www-authenticate': challenge },
    url: new URL('https://r.example/v2/'),
    address: 'public',
    async *body() {
      yield Buffer.from(body);
    },
    discard: () => undefined,
  };
}

test('problemOf() words errors as Go’s client does, the first of several first', async () => {
  const unknown = { code: 'MANIFEST_UNKNOWN', message: 'manifest unknown', detail: { Tag: 'x' } };
  const denied = { code: 'DENIED', message: 'no' };
  assert.deepEqual(await problemOf(answer(404, JSON.stringify({ errors: [unknown, denied, unknown] }))), {
    status: 404,
    code: 'MANIFEST_UNKNOWN',
    text: 'manifest unknown: manifest unknown\ndenied: no',
  });
});

test('problemOf() tells when to come again, unless that is at once', async () => {
  const said = async (retryAfter: string): Promise<string> => {
    const busy = answer(429, 'null');
    return (await problemOf({ ...busy, headers: { 'retry-after': retryAfter } })).text;
  };
  assert.equal(await said('90'), 'toomanyrequests: Its Phrase (try again in 90 s)');
  assert.equal(await said('120'), 'toomanyrequests: Its Phrase (try again in 2 min)');
  for (const nothing of ['0', '00', 'soon']) assert.equal(await said(nothing), 'toomanyrequests: Its Phrase');
});

test('problemOf() believes the header of OAuth more than the body', async () => {
  const body = JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] });
  const problem = await problemOf(answer(401, body, 'Bearer realm="x",error="insufficient_scope"'));
  assert.deepEqual(problem, {
    status: 401,
    code: 'DENIED',
    text: 'denied: requested access to the resource is denied',
  });
  const odd = await problemOf(answer(401, body, 'Bearer realm="x",error="constructor"'));
  assert.equal(odd.code, 'UNAUTHORIZED');
});

test('problemOf() makes something of answers that are not a registry’s', async () => {
  const page = '<html>'.padEnd(100_000, 'x');
  const texts = [
    [502, page, 'received unexpected HTTP status: 502 Its Phrase'],
    [401, '', 'unauthorized: authentication required'],
    [429, 'null', 'toomanyrequests: Its Phrase'],
    [429, '{"details":"slow down"}', 'toomanyrequests: slow down'],
    [401, '{"details":"incorrect username or password"}', 'unauthorized: incorrect username or password'],
    [400, '{"errors":null}', 'received unexpected HTTP status: 400 Its Phrase'],
    [400, '{"errors":[{"code":5}]}', 'received unexpected HTTP status: 400 Its Phrase'],
    [400, '{"errors":[{}]}', 'unknown error'],
  ] as const;
  for (const [status, body, text] of texts) {
    assert.equal((await problemOf(answer(status, body))).text, text, body.slice(0, 50));
  }
});

test('printable() leaves nothing that moves a cursor or turns text around, and not too much', () => {
  assert.equal(printable('a\u001b[31mb\r\nc\u202ed\u2028e\u0000'), 'a [31mb c d e');
  assert.equal(printable('x'.repeat(9000)).length, 501);
  assert.deepEqual(parseErrors(Buffer.from('{"errors":[{"code":"a\\u0007b","message":"\\u001bc"}]}'), 400), [
    { code: 'A B', message: 'c' },
  ]);
});
