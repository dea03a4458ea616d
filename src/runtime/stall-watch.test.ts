import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallWatch } from './stall-watch.ts';

test('a client that does not read is given up some time after its process has ended', t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let isAlive = true;
  let givenUp = 0;
  const watch = new StallWatch({ isAlive: () => isAlive, onDead: () => void givenUp++ });
  watch.start();
  t.mock.timers.tick(60_000);
  assert.equal(givenUp, 0);
  isAlive = false;
  t.mock.timers.tick(1_000);
  assert.equal(givenUp, 0);
  t.mock.timers.tick(1_000);
  assert.equal(givenUp, 1);
  t.mock.timers.tick(60_000);
  assert.equal(givenUp, 1);
});

test('a client that reads again is not given up', t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let givenUp = 0;
  const watch = new StallWatch({ isAlive: () => false, onDead: () => void givenUp++ });
  watch.start();
  t.mock.timers.tick(1_500);
  watch.stop();
  watch.start();
  t.mock.timers.tick(1_500);
  watch.stop();
  t.mock.timers.tick(60_000);
  assert.equal(givenUp, 0);
});
