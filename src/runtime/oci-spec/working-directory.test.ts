import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureWorkingDirectory } from './working-directory.ts';

const OWNER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

test('ensureWorkingDirectory() makes it inside the image, wherever links point', () => {
  using image = temporaryImage();
  symlinkSync(image.outside, join(image.root, 'out'));
  assert.equal(ensureWorkingDirectory(image.root, '/a/b/', OWNER), '/a/b');
  assert.equal(ensureWorkingDirectory(image.root, '', OWNER), '/');
  ensureWorkingDirectory(image.root, '/out/new', OWNER);
  assert.ok(!existsSync(join(image.outside, 'new')), 'made outside of the image');
});

test('ensureWorkingDirectory() refuses links that lead through a process', () => {
  using image = temporaryImage();
  symlinkSync('/proc/self/fd', join(image.root, 'door'));
  symlinkSync('door', join(image.root, 'porch'));
  for (const path of ['/door/7', '/porch/8', '/proc/self/fd/7', '/proc/1/root']) {
    assert.throws(() => ensureWorkingDirectory(image.root, path, OWNER), { kind: 'invalid' }, path);
  }
});

test('ensureWorkingDirectory() refuses files and circles', () => {
  using image = temporaryImage();
  writeFileSync(join(image.root, 'file'), '');
  symlinkSync('circle', join(image.root, 'circle'));
  assert.throws(() => ensureWorkingDirectory(image.root, '/file/x', OWNER), {
    kind: 'invalid',
    message: 'Cannot mkdir: /file/x is not a directory',
  });
  assert.throws(() => ensureWorkingDirectory(image.root, '/circle', OWNER), { kind: 'invalid' });
});

function temporaryImage() {
  const outside = mkdtempSync(join(tmpdir(), 'quai-cwd-'));
  const root = join(outside, 'root');
  mkdirSync(root);
  return { root, outside, [Symbol.dispose]: () => rmSync(outside, { recursive: true }) };
}
