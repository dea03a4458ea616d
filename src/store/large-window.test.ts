import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LargeWindow } from './large-window.ts';

const go = (): boolean => false;

test('one has the place at a time, whoever sees the same memory', async () => {
  const window = new LargeWindow();
  const other = new LargeWindow(window.shared);
  const first = await window.take(1, go);
  let isTaken = false;
  const second = other.take(2, go).then(held => {
    isTaken = true;
    return held;
  });
  const third = window.take(1, go); // another job of the same thread
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(isTaken, false);
  other.release(2); // is not his
  first[Symbol.dispose]();
  const held = await second;
  first[Symbol.dispose](); // once is enough
  held[Symbol.dispose]();
  (await third)[Symbol.dispose]();
});

test('who is told to stop does not wait, and a thread that ended has nothing', async () => {
  const window = new LargeWindow();
  await window.take(7, go);
  await assert.rejects(
    window.take(8, () => true),
    { kind: 'cancelled' },
  );
  const waiting = window.take(8, go);
  window.release(7);
  (await waiting)[Symbol.dispose]();
});
