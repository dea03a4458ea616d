import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendNotice, socketAddress } from './service-notice.ts';

test('socketAddress() ends a path with a zero, and begins an abstract name with one', () => {
  assert.deepEqual(socketAddress('/run/n').subarray(2), Buffer.from('/run/n\0'));
  assert.deepEqual(socketAddress('@a/b').subarray(2), Buffer.from('\0a/b'));
});

test('socketAddress() refuses what no service manager names', () => {
  for (const path of ['', '@', '/', 'relative', `/${'x'.repeat(108)}`]) {
    assert.throws(() => socketAddress(path), RangeError, path);
  }
});

test('sendNotice() says when nobody is there', () => {
  assert.throws(() => sendNotice('/nowhere/at/all', { READY: '1' }), { syscall: 'sendto', code: 'ENOENT' });
});
