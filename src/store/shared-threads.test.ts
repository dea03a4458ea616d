import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Semaphore } from '#base/semaphore';
import type { JailThread } from './jail-thread.ts';
import { SharedThreads } from './shared-threads.ts';

const MUCH = 64 * 1024 * 1024;

/** Threads that do nothing, known by when they were taken; jobs end when the test says so. */
function setUp({ slots, mostOfGroup }: { readonly slots: number; readonly mostOfGroup: number }) {
  const taken: JailThread[] = [];
  const givenBack: number[] = [];
  const places = new Semaphore(slots);
  const threads = {
    take: () => {
      const thread = {} as JailThread; // is only handed on
      taken.push(thread);
      return thread;
    },
    giveBack: (thread: JailThread) => void givenBack.push(taken.indexOf(thread)),
  };
  const shared = new SharedThreads({ threads, slots: places, mostOfGroup });
  const begin = (group: string, bytes: number, signal?: AbortSignal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const job = { thread: -1, end: resolve, ended: Promise.resolve() };
    const work = async (thread: JailThread): Promise<void> => {
      job.thread = taken.indexOf(thread);
      await promise;
    };
    job.ended = shared.run(group, work, { signal, bytes });
    return job;
  };
  return { begin, taken, givenBack, shared };
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

test('SharedThreads has jobs of a group on one thread until the last has ended', async () => {
  const { begin, givenBack, shared } = setUp({ slots: 4, mostOfGroup: 1 });
  const jobs = [begin('a', MUCH), begin('a', MUCH), begin('b', MUCH)];
  await turn();
  assert.deepEqual(
    jobs.map(({ thread }) => thread),
    [0, 0, 1],
  );
  for (const { end, ended } of jobs.slice(0, 2)) {
    assert.deepEqual(givenBack, []);
    end();
    await ended;
    await turn();
  }
  assert.deepEqual([givenBack, shared.has('a'), shared.has('b')], [[0], false, true]);
  jobs[2]?.end();
  await jobs[2]?.ended;
});

test('SharedThreads takes another thread only where there is much to do and room for it', async () => {
  const { begin, taken } = setUp({ slots: 2, mostOfGroup: 3 });
  const jobs = [begin('a', 100), begin('a', 100), begin('a', MUCH), begin('a', MUCH), begin('a', MUCH)];
  await turn();
  assert.deepEqual([jobs.map(({ thread }) => thread), taken.length], [[0, 0, 0, 1, 1], 2]);
  for (const { end, ended } of jobs) {
    end();
    await ended;
  }
});

test('SharedThreads lets go who waits for a thread, and takes none for nobody', async () => {
  const { begin, taken, givenBack } = setUp({ slots: 1, mostOfGroup: 1 });
  const first = begin('a', MUCH);
  const impatient = new AbortController();
  const second = begin('b', MUCH, impatient.signal);
  await turn();
  impatient.abort();
  await assert.rejects(second.ended, { kind: 'cancelled' });
  first.end();
  await first.ended;
  await turn();
  assert.deepEqual([taken.length, givenBack], [1, [0]]);
});
