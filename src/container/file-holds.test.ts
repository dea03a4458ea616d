import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileHolds } from './file-holds.ts';

test('fileHolds() compares all of a file, and reads no more than it has to', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-holds-'));
  const file = join(folder, 'hosts');
  try {
    writeFileSync(file, 'ä b\n');
    assert.ok(fileHolds(file, 'ä b\n'));
    for (const other of ['', 'ä b', 'ä b\n\n', 'o b\n']) assert.ok(!fileHolds(file, other), other);
    truncateSync(file, 3 * 1024 ** 3); // more than Node reads at once
    assert.ok(!fileHolds(file, 'ä b\n'));
    writeFileSync(file, '');
    assert.ok(fileHolds(file, ''));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
