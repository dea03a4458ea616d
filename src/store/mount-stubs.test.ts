import assert from 'node:assert/strict';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isMountStub } from './mount-stubs.ts';
import { OpenDirectories } from './stack-directories.ts';

test('isMountStub() takes an empty place of mounts for one, and leaves nothing open', t => {
  const layer = mkdtempSync(join(tmpdir(), 'quai-stubs-'));
  t.after(() => rmSync(layer, { recursive: true }));
  mkdirSync(join(layer, 'dev/pts'), { recursive: true });
  mkdirSync(join(layer, 'etc'));
  writeFileSync(join(layer, 'etc/passwd'), '');
  const fd = openSync(layer, 'r');
  t.after(() => closeSync(fd));
  using none = new OpenDirectories();
  const isStub = (name: string): boolean => isMountStub(fd, none, Buffer.from(`${name}\0`), name);
  assert.deepEqual([isStub('dev'), isStub('etc'), isStub('proc')], [true, false, false]);
  assert.equal(openBelow(layer), 1);
});

function openBelow(directory: string): number {
  return readdirSync('/proc/self/fd').filter(fd => targetOf(fd).startsWith(directory)).length;
}

function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // that of the list itself
  }
}
