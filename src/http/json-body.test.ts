import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { MAX_JSON_BYTES, readJsonBody } from './json-body.ts';

function read(body: string, headers: Record<string, string> = {}): Promise<unknown> {
  return readJsonBody(Readable.from(body === '' ? [] : [Buffer.from(body)]), {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  });
}

test('readJsonBody() reads JSON whatever the parameters of its type, and nothing as undefined', async () => {
  assert.deepEqual(await read('{"a":1}', { 'content-type': 'Application/JSON; charset=utf-8' }), { a: 1 });
  assert.equal(await read(''), undefined);
  assert.equal(await readJsonBody(Readable.from([]), {}), undefined);
});

test('readJsonBody() puts a body together that comes in pieces', async () => {
  const pieces = Readable.from([Buffer.from('{"a":"\xc3', 'latin1'), Buffer.from('\xa9"}', 'latin1')]);
  const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
  assert.deepEqual(await readJsonBody(pieces, headers), { a: 'é' });
});

const REFUSED: readonly [what: string, body: string, headers: Record<string, string>, message: string][] = [
  [
    'another type',
    'a=b',
    { 'content-type': 'application/x-www-form-urlencoded' },
    "unsupported Content-Type header (application/x-www-form-urlencoded): must be 'application/json'",
  ],
  ['no type', '{}', { 'content-type': '' }, 'malformed Content-Type header (): mime: no media type'],
  [
    'an empty body that was announced',
    '',
    { 'transfer-encoding': 'chunked' },
    'invalid JSON: got EOF while reading request body',
  ],
  ['nesting deeper than Go reads', '['.repeat(20_000), {}, 'invalid JSON: json: exceeded max depth'],
];

for (const [what, body, headers, message] of REFUSED) {
  test(`readJsonBody() refuses ${what}`, async () => {
    await assert.rejects(read(body, headers), { kind: 'invalid', message });
  });
}

for (const body of ['{"a":1', 'nonsense', '{"a":1}{}', '{"a":NaN}', '\u0000']) {
  test(`readJsonBody() refuses ${JSON.stringify(body)} as not JSON`, async () => {
    await assert.rejects(read(body), { kind: 'invalid', message: /^invalid JSON: / });
  });
}

test('readJsonBody() counts brackets outside strings only', async () => {
  const text = `"${'['.repeat(20_000)}\\"${'{'.repeat(20_000)}"`;
  assert.deepEqual(await read(`[${text}]`), [JSON.parse(text)]);
});

test('readJsonBody() refuses more than its limit, announced or not', async () => {
  const announced = read('{}', { 'content-length': String(MAX_JSON_BYTES + 1) });
  await assert.rejects(announced, { status: 413 });
  const block = Buffer.alloc(1024 * 1024, ' ');
  const endless = Readable.from(
    (function* () {
      for (;;) yield block;
    })(),
  );
  const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
  await assert.rejects(readJsonBody(endless, headers), { status: 413 });
});
