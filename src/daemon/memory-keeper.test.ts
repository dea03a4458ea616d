import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { MemoryKeeper } from './memory-keeper.ts';

const MB = 1024 * 1024;

interface Step {
  readonly rss: number;
  readonly cpuMs: number;
  /** what a trim leaves until there was a collection; default nothing */
  readonly dead?: number;
}

/** Looks once for each step; a trim leaves 100 MB, and what is dead. @returns what was done at which look */
async function looks(steps: readonly Step[]): Promise<string[]> {
  let at = -1;
  let isCollected = false;
  let left: number | undefined;
  const done: string[] = [];
  using keeper = new MemoryKeeper(silentLogger, {
    rss: () => (left ?? steps[at]?.rss ?? 0) * MB,
    cpuMicros: () => (steps[at]?.cpuMs ?? 0) * 1000,
    collect: () => {
      done.push(`collect at ${at}`);
      isCollected = true;
    },
    trim: async () => {
      done.push(`trim at ${at}`);
      left = 100 + (isCollected ? 0 : (steps[at]?.dead ?? 0));
    },
  });
  for (at = 0; at < steps.length; at += 1) {
    left = undefined;
    isCollected = false;
    await keeper.look();
  }
  return done;
}

/** The first idle look gives back what the start needed. */
const START: Step = { rss: 150, cpuMs: 0, dead: 20 };

test('what the start needed is given back as soon as nothing goes on, for as long as it takes', async () => {
  const idle = Array.from({ length: 9 }, (_, index) => ({ rss: 100, cpuMs: 810 + index }));
  const steps = [{ rss: 150, cpuMs: 400 }, { rss: 150, cpuMs: 800 }, { rss: 150, cpuMs: 805 }, ...idle];
  assert.deepEqual(await looks(steps), ['trim at 2', 'trim at 3', 'trim at 4', 'trim at 5']);
});

test('what large work leaves is collected once that is over, and not again', async () => {
  const steps = [
    START,
    { rss: 300, dead: 200, cpuMs: 4000 },
    { rss: 400, dead: 200, cpuMs: 8000 },
    { rss: 400, dead: 200, cpuMs: 8010 },
    { rss: 101, cpuMs: 8020 },
  ];
  const done = ['trim at 0', 'trim at 3', 'collect at 3', 'trim at 3', 'trim at 4'];
  assert.deepEqual(await looks(steps), done);
});

test('while a little goes on only much memory is worth holding it up', async () => {
  const steps = [START, { rss: 170, dead: 40, cpuMs: 100 }, { rss: 190, dead: 80, cpuMs: 200 }];
  assert.deepEqual(await looks(steps), ['trim at 0', 'trim at 2', 'collect at 2', 'trim at 2']);
});

test('what little work leaves is given back without a collection, and very little not at all', async () => {
  const settled = [START, ...Array.from({ length: 3 }, () => ({ rss: 100, cpuMs: 0 }))];
  const steps = [
    ...settled,
    { rss: 107, cpuMs: 10 },
    { rss: 109, dead: 5, cpuMs: 20 },
    { rss: 125, dead: 15, cpuMs: 30 },
    { rss: 122, dead: 15, cpuMs: 40 },
  ];
  const done = ['trim at 0', 'trim at 1', 'trim at 2', 'trim at 3', 'trim at 5', 'trim at 6'];
  assert.deepEqual(await looks(steps), done);
});

test('it is collected when nothing has gone on for long', async () => {
  const idle = Array.from({ length: 4 }, () => ({ rss: 105, dead: 5, cpuMs: 1000 }));
  const steps = [{ ...START, dead: 0 }, { rss: 110, cpuMs: 1000 }, ...idle];
  const done = ['trim at 0', 'trim at 2', 'trim at 3', 'trim at 4', 'trim at 5', 'collect at 5', 'trim at 5'];
  assert.deepEqual(await looks(steps), done);
});
