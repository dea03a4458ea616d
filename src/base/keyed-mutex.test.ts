import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedMutex } from './keyed-mutex.ts';

test('lock() grants one key in the order of asking, and other keys at once', async () => {
  const mutex = new KeyedMutex();
  const order: string[] = [];
  const first = await mutex.lock('a');
  const second = mutex.lock('a').then(lock => {
    order.push('second');
    lock[Symbol.dispose]();
  });
  const third = mutex.lock('a').then(lock => {
    order.push('third');
    lock[Symbol.dispose]();
  });
  using _other = await mutex.lock('b');
  order.push('other key');
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await Promise.all([second, third]);

  assert.deepEqual(order, ['other key', 'second', 'third']);
  assert.equal(mutex.isLocked('a'), false);
});

test('lock() gives its place up when the signal fires', async () => {
  const mutex = new KeyedMutex();
  const first = await mutex.lock('a');
  const abort = new AbortController();
  const second = mutex.lock('a', { signal: abort.signal });
  const third = mutex.lock('a');
  abort.abort();
  await assert.rejects(second, { kind: 'cancelled' });
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  assert.equal(mutex.isLocked('a'), false);
});
