import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findParent, findProcess, isAlive, signalProcess, watchProcess } from './process-handle.ts';

const NO_SIGNAL = 0;
/** above the largest pid_max */
const NOBODY = 2 ** 22 + 1;

test('findProcess() finds this process, and nobody under a number that nobody has', () => {
  const self = findProcess(process.pid);
  assert.ok(self);
  assert.equal(self.pid, process.pid);
  assert.ok(self.startTicks > 0);
  assert.equal(isAlive(self), true);
  assert.equal(findProcess(NOBODY), undefined);
  assert.equal(findParent(process.pid)?.pid, process.ppid);
});

test('a handle does not mean another process that has the same number now', () => {
  const self = findProcess(process.pid);
  assert.ok(self);
  const earlier = { ...self, startTicks: self.startTicks - 1 };
  assert.equal(isAlive(earlier), false);
  assert.equal(signalProcess(earlier, NO_SIGNAL), false);
  assert.equal(signalProcess(self, NO_SIGNAL), true);
  assert.equal(signalProcess({ pid: NOBODY, startTicks: 1 }, NO_SIGNAL), false);
});

test('signalProcess() refuses a number that is no signal', () => {
  const self = findProcess(process.pid);
  assert.ok(self);
  assert.throws(() => signalProcess(self, 1000), { code: 'EINVAL' });
});

test('watchProcess() calls back for a process that has ended before', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _watch = watchProcess({ pid: NOBODY, startTicks: 1 }, resolve);
  await promise;
});
