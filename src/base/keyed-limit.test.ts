import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedLimit } from './keyed-limit.ts';

test('run() has so many at a time of one key, and does not hold up another', async () => {
  const limit = new KeyedLimit(2);
  const open = Promise.withResolvers<void>();
  let begun = 0;
  const work = async (): Promise<void> => {
    begun += 1;
    await open.promise;
  };
  const all = ['a', 'a', 'a', 'b'].map(key => limit.run(key, work));
  await Promise.resolve();
  assert.equal(begun, 3);
  open.resolve();
  await Promise.all(all);
  assert.equal(begun, 4);
});

test('run() lets go of who gives up, and keeps the place until the work ends', async () => {
  const limit = new KeyedLimit(1);
  const hanging = Promise.withResolvers<string>();
  const gone = new AbortController();
  const first = limit.run('a', () => hanging.promise, { signal: gone.signal });
  gone.abort();
  await assert.rejects(first, { kind: 'cancelled' });
  const impatient = AbortSignal.abort();
  await assert.rejects(
    limit.run('a', async () => 'never', { signal: impatient }),
    { kind: 'cancelled' },
  );
  let isSecond = false;
  const second = limit.run('a', async () => {
    isSecond = true;
  });
  await Promise.resolve();
  assert.equal(isSecond, false);
  hanging.resolve('late');
  await second;
  assert.equal(isSecond, true);
});

test('run() passes on what the work fails with', async () => {
  const limit = new KeyedLimit(1);
  await assert.rejects(
    limit.run('a', async () => {
      throw new RangeError('no');
    }),
    RangeError,
  );
  assert.equal(await limit.run('a', async () => 1), 1);
});
