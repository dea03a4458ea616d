import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountFlags, parseMountInfo } from './mount.ts';

test('parseMountInfo() reads names with blanks, and any number of optional fields', () => {
  const text = String.raw`36 35 98:0 /mnt1 /mnt/with\040blank\134 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw
37 36 0:5 / /proc rw - proc my\011proc rw
`;
  assert.deepEqual(parseMountInfo(text), [
    { id: 36, target: '/mnt/with blank\\', type: 'ext3', source: '/dev/root' },
    { id: 37, target: '/proc', type: 'proc', source: 'my\tproc' },
  ]);
});

test('mountFlags(): the last of two options that exclude each other counts', () => {
  assert.equal(mountFlags(['ro', 'noexec', 'uid=1']), 1 | 8);
  assert.equal(mountFlags(['ro', 'noexec', 'rw', 'exec']), 0);
  assert.equal(mountFlags(['defaults', 'exec', 'noexec']), 8);
  assert.equal(mountFlags(['sync', 'nodev', 'async', 'noatime', 'nodiratime', 'diratime']), 4 | 1024);
});
