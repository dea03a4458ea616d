import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordedHostState } from './support/host-record.ts';
import { isAnotherEngineRunning, leaksSince } from './support/leak-check.ts';

const before = recordedHostState();
const skip = before
  ? isAnotherEngineRunning([]) && 'an engine runs on this machine'
  : 'looks at what all tests together have left, or: an engine ran on this machine when they began';

test('all tests together leave nothing on the machine', { skip }, async () => {
  assert.deepEqual(before && (await leaksSince(before)), []);
});
