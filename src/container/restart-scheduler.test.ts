import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { RestartScheduler } from './restart-scheduler.ts';

test('a scheduler that is closed starts nothing any more, not what was pending either', context => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const started: string[] = [];
  const scheduler = new RestartScheduler(silentLogger, async id => void started.push(id));
  scheduler.schedule('a', { delayMs: 100, restartCount: 1 });
  context.mock.timers.tick(100);
  scheduler.schedule('b', { delayMs: 100, restartCount: 1 });
  scheduler.close();
  scheduler.schedule('c', { delayMs: 0, restartCount: 1 });
  context.mock.timers.tick(1000);
  assert.deepEqual(started, ['a']);
});
