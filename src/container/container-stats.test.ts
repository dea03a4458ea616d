import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { ContainerStats } from './container-stats.ts';
import type { ContainerContext } from './context.ts';
import { containerNotFound } from './errors.ts';

/** One container that does not run; nothing but what is asked of it is there. */
function fakeContext(): ContainerContext {
  const container = { id: 'c1', name: 'web', state: { status: 'exited' } };
  return {
    logger: silentLogger,
    index: {
      find: (reference: string) => (reference === 'c1' ? container : undefined),
      get: (reference: string) => {
        if (['c1', 'web'].includes(reference)) return container;
        throw containerNotFound(reference);
      },
    },
  } as unknown as ContainerContext;
}

test('watch() reads while somebody listens, and forgets who leaves', async () => {
  const stats = new ContainerStats(fakeContext());
  const one = stats.watch('web')[Symbol.asyncIterator]();
  const abort = new AbortController();
  const other = stats.watch('c1', { signal: abort.signal })[Symbol.asyncIterator]();
  assert.deepEqual((await one.next()).value, { id: 'c1', name: 'web' });
  assert.deepEqual((await other.next()).value, { id: 'c1', name: 'web' });
  assert.equal(stats.listenerCount, 2);
  await one.return?.();
  assert.equal(stats.listenerCount, 1);
  const last = other.next();
  abort.abort();
  assert.equal((await last).done, true);
  assert.equal(stats.listenerCount, 0);
});

test('who asks for a container that is not there is told at once', async () => {
  const stats = new ContainerStats(fakeContext());
  assert.throws(() => stats.watch('nope'), { kind: 'notFound' });
  await assert.rejects(stats.now('nope'), { kind: 'notFound' });
  assert.deepEqual(await stats.once('web'), { id: 'c1', name: 'web' });
});
