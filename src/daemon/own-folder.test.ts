import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ensureOwnFolder } from './own-folder.ts';

const UID = process.getuid?.() ?? 0;

function parent(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quai-own-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

test('ensureOwnFolder() makes a folder that others only pass', context => {
  const path = join(parent(context), 'a/b');
  ensureOwnFolder(path);
  assert.equal(modeOf(path), 0o711);
});

test('ensureOwnFolder() takes the right to write away from others, and leaves other modes alone', context => {
  const path = parent(context);
  for (const [before, after] of [
    [0o777, 0o711],
    [0o1777, 0o711],
    [0o775, 0o711],
    [0o755, 0o755],
    [0o700, 0o700],
  ] as const) {
    chmodSync(path, before);
    ensureOwnFolder(path);
    assert.equal(modeOf(path), after);
  }
});

test("ensureOwnFolder() refuses somebody else's folder, and what is no folder", context => {
  const path = parent(context);
  assert.throws(() => ensureOwnFolder(path, UID + 1), { kind: 'unavailable', message: /belongs to user/ });
  writeFileSync(join(path, 'file'), '');
  assert.throws(() => ensureOwnFolder(join(path, 'file')), { code: 'EEXIST' });
});
