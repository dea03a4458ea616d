import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { constants } from 'node:os';
import { test } from 'node:test';
import { declare, lastErrno } from './libc.ts';

test('lastErrno() is that of the call, whatever fails on the thread before it is asked for', () => {
  const close = declare('int close(int fd)');
  assert.equal(close(-1), -1);
  assert.equal(statSync('/nothing/of/this/name', { throwIfNoEntry: false }), undefined); // sets ENOENT
  assert.equal(lastErrno(), constants.errno.EBADF);
});
