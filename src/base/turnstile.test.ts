import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Turnstile } from './turnstile.ts';

test('pass() lets one through in each turn of the event loop, in order', async () => {
  const turnstile = new Turnstile();
  let turn = 0;
  let isOver = false;
  const counting = (async () => {
    while (!isOver) {
      await nextTurn();
      turn += 1;
    }
  })();
  const passedAt: number[] = [];
  await Promise.all(
    [0, 1, 2, 3].map(async () => {
      await turnstile.pass();
      passedAt.push(turn);
    }),
  );
  isOver = true;
  await counting;
  assert.deepEqual(
    passedAt,
    passedAt.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(passedAt.slice(1)).size, 3, `passed in turns ${passedAt.join(' ')}`);
});

test('pass() does not wait when nobody else passes', async () => {
  const turnstile = new Turnstile();
  let isPassed = false;
  void turnstile.pass().then(() => {
    isPassed = true;
  });
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(isPassed, true);
});
