import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { MAX_FORM_BYTES, readFormBody } from './form-body.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' };

function body(text: string): Readable {
  return Readable.from([Buffer.from(text)], { objectMode: false });
}

test('readFormBody() gives fields as a page sent them', async () => {
  const form = await readFormBody(body('a=1+%2B+%C3%A9&b=x%0D%0Ay&a=2&box=&__proto__=z'), FORM);
  assert.equal(form.text('a'), '1 + é');
  assert.deepEqual(form.all('a'), ['1 + é', '2']);
  assert.equal(form.text('b'), 'x\ny');
  assert.equal(form.has('box'), true);
  assert.equal(form.has('toString'), false);
  assert.equal(form.text('nothing'), '');
  assert.equal(form.text('__proto__'), 'z');
});

test('readFormBody() takes nothing for nothing, and broken encoding for what it is', async () => {
  assert.equal((await readFormBody(body(''), FORM)).text('a'), '');
  assert.equal((await readFormBody(body('a=%zz%ff'), FORM)).text('a'), '%zz\ufffd');
});

for (const type of [undefined, 'text/plain', 'application/json', 'multipart/form-data; boundary=x']) {
  test(`readFormBody() refuses a body of type ${type}`, async () => {
    await assert.rejects(readFormBody(body('a=1'), type === undefined ? {} : { 'content-type': type }), {
      status: 415,
    });
  });
}

test('readFormBody() has bounds: bytes told, bytes sent, fields, time', async () => {
  const told = { ...FORM, 'content-length': String(MAX_FORM_BYTES + 1) };
  await assert.rejects(readFormBody(body(''), told), { status: 413 });
  await assert.rejects(readFormBody(body('x'.repeat(MAX_FORM_BYTES + 1)), FORM), { status: 413 });
  await assert.rejects(readFormBody(body('a&'.repeat(1001)), FORM), { status: 413 });
  const stalled = new PassThrough();
  await assert.rejects(readFormBody(stalled, FORM, { timeoutMs: 1 }), { status: 408 });
  stalled.destroy();
});
