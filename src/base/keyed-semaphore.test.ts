import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedSemaphore } from './keyed-semaphore.ts';

test('run() makes those wait who want a place of a key that has none, and nobody else', async () => {
  const semaphore = new KeyedSemaphore({ perKey: 2, overall: 10 });
  const log: string[] = [];
  const { promise: stall, resolve: goOn } = Promise.withResolvers<void>();
  const slow = [1, 2, 3].map(n =>
    semaphore.run('slow', async () => {
      log.push(`slow ${n}`);
      await stall;
    }),
  );
  await semaphore.run('good', async () => void log.push('good'));
  assert.deepEqual(log, ['slow 1', 'slow 2', 'good']);
  goOn();
  await Promise.all(slow);
  assert.deepEqual(log, ['slow 1', 'slow 2', 'good', 'slow 3']);
});

test('run() bounds all keys together, and gives a place back that was waited for in vain', async () => {
  const semaphore = new KeyedSemaphore({ perKey: 1, overall: 1 });
  const { promise: stall, resolve: goOn } = Promise.withResolvers<void>();
  const first = semaphore.run('a', () => stall);
  const leaving = new AbortController();
  const second = semaphore.run('b', async () => 'b', { signal: leaving.signal });
  leaving.abort();
  await assert.rejects(second, { kind: 'cancelled' });
  goOn();
  await first;
  assert.equal(await semaphore.run('b', async () => 'again'), 'again');
});
