import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { MemoryKeeper } from './memory-keeper.ts';

const MB = 1024 * 1024;

interface Step {
  readonly rss: number;
  readonly cpuMs: number;
}

/** Looks once for each pair of memory and processor time. @returns at which looks memory was given back */
async function looks(steps: readonly Step[], started: number[] = []): Promise<number[]> {
  let at = -1;
  const released: number[] = [];
  using keeper = new MemoryKeeper(silentLogger, {
    rss: () => (released.at(-1) === at ? 100 : (steps[at]?.rss ?? 0)) * MB,
    cpuMicros: () => (steps[at]?.cpuMs ?? 0) * 1000,
    releaseStart: async () => void started.push(at),
    release: async () => void released.push(at),
  });
  for (at = 0; at < steps.length; at += 1) await keeper.look();
  return released;
}

test('memory is given back once large work is over, and not again', async () => {
  const steps = [
    { rss: 100, cpuMs: 0 },
    { rss: 100, cpuMs: 10 },
    { rss: 300, cpuMs: 4000 },
    { rss: 400, cpuMs: 8000 },
    { rss: 400, cpuMs: 8010 },
    { rss: 101, cpuMs: 8020 },
  ];
  assert.deepEqual(await looks(steps), [4]);
});

test('little memory is not worth it, and the least there was is what counts', async () => {
  const small = [
    { rss: 100, cpuMs: 0 },
    { rss: 120, cpuMs: 10 },
    { rss: 123, cpuMs: 20 },
  ];
  assert.deepEqual(await looks(small), []);
  assert.deepEqual(await looks([...small, { rss: 125, cpuMs: 30 }]), [3]);
});

test('what the start needed is given back once, as soon as nothing goes on', async () => {
  const started: number[] = [];
  const steps = [
    { rss: 100, cpuMs: 400 },
    { rss: 100, cpuMs: 800 },
    { rss: 100, cpuMs: 810 },
    { rss: 100, cpuMs: 820 },
  ];
  assert.deepEqual(await looks(steps, started), []);
  assert.deepEqual(started, [2]);
});
