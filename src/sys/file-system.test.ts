import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileSystemName } from './file-system.ts';

test('fileSystemName() names what it knows, and gives the number of what it does not', () => {
  assert.match(fileSystemName('/dev/shm'), /^(tmpfs|overlayfs)$/);
  assert.equal(fileSystemName('/proc'), '0x9fa0');
  assert.throws(() => fileSystemName('/no/such/path'), /ENOENT/);
});
