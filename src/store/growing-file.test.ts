import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GrowingFile, GrowthReader } from './growing-file.ts';

const NEVER = (): boolean => false;

test('GrowthReader tells what is there, and waits for more', async () => {
  const file = new GrowingFile('/f');
  const reader = new GrowthReader(file.shared);
  file.advance(10);
  file.advance(5);
  assert.equal(await reader.more(0, NEVER), 10);
  const waiting = reader.more(10, NEVER);
  file.advance(5_000_000_000);
  assert.equal(await waiting, 5_000_000_000);
  const last = reader.more(5_000_000_000, NEVER);
  file.complete();
  assert.equal(await last, 5_000_000_000);
  assert.equal(file.availableBytes, 5_000_000_000);
});

test('GrowthReader gives what is there of a file that failed, then says so', async () => {
  const file = new GrowingFile('/f');
  const reader = new GrowthReader(file.shared);
  file.advance(3);
  file.fail();
  file.complete();
  assert.equal(file.state, 'failed');
  assert.equal(await reader.more(0, NEVER), 3);
  await assert.rejects(reader.more(3, NEVER), { kind: 'unavailable' });
});

test('GrowthReader stops when it is told to, also in mid-wait', async () => {
  const reader = new GrowthReader(new GrowingFile('/f').shared);
  let isStopped = false;
  const waiting = reader.more(0, () => isStopped);
  isStopped = true;
  await assert.rejects(waiting, { kind: 'cancelled' });
});

test('a complete file does not fail any more', () => {
  const file = new GrowingFile('/f');
  file.complete();
  file.fail();
  assert.equal(file.state, 'complete');
});
