import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { patientChunks } from './patient-chunks.ts';

const patience = { stallMs: 1000, leastBytes: 10, tooSlow: () => new Error('too slow') };

async function all(body: Readable, options = patience): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of patientChunks(body, options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('patientChunks() gives what a body holds, however it comes', async () => {
  assert.equal(
    await all(Readable.from([Buffer.from('one '), Buffer.from('two')], { objectMode: false })),
    'one two',
  );
  assert.equal(await all(Readable.from([], { objectMode: false })), '');
  const late = new PassThrough();
  const read = all(late);
  setImmediate(() => {
    late.write('a');
    setImmediate(() => late.end('b'));
  });
  assert.equal(await read, 'ab');
});

test('patientChunks() gives up on a body that comes too slowly, and leaves it alone', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const body = new PassThrough();
  body.write('few');
  const read = all(body);
  const failed = assert.rejects(read, { message: 'too slow' });
  await new Promise(resolve => setImmediate(resolve));
  t.mock.timers.tick(1001);
  await failed;
  assert.ok(!body.destroyed);
  assert.deepEqual([body.listenerCount('readable'), body.listenerCount('close')], [0, 0]);
});

test('patientChunks() tells of a body that broke off, and of a signal', async () => {
  const broken = new PassThrough();
  const read = all(broken);
  broken.destroy(new Error('reset'));
  await assert.rejects(read, { message: 'reset' });
  await assert.rejects(all(broken), { message: 'reset' });

  const abort = new AbortController();
  const stopped = assert.rejects(all(new PassThrough(), { ...patience, signal: abort.signal } as never), {
    kind: 'cancelled',
  });
  abort.abort();
  await stopped;
});
