import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFileLimits, rlimits } from './rlimits.ts';

const DEFAULTS = [{ Name: 'nofile', Soft: 1024, Hard: 524_288 }];

test('rlimits() fills in what was not asked for', () => {
  assert.deepEqual(rlimits([], DEFAULTS), [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 524_288 }]);
  assert.deepEqual(rlimits([{ Name: 'NOFILE', Soft: 5, Hard: 6 }], DEFAULTS), [
    { type: 'RLIMIT_NOFILE', soft: 5, hard: 6 },
  ]);
  assert.equal(rlimits([{ Name: 'core', Soft: 0, Hard: 0 }], DEFAULTS).length, 2);
});

test('openFileLimits() stays within what the engine has', () => {
  const limits = (hard: string): unknown =>
    openFileLimits(
      `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${hard}   ${hard}   files\n`,
    );
  assert.deepEqual(limits('1048576'), [{ Name: 'nofile', Soft: 1024, Hard: 524_288 }]);
  assert.deepEqual(limits('512'), [{ Name: 'nofile', Soft: 512, Hard: 512 }]);
});
