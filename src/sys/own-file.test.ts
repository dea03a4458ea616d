import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { OwnFile } from './own-file.ts';

test('isReplaced tells of a file with other content, of another one of the same size and time, and of none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-own-'));
  try {
    const path = join(folder, 'worker.js');
    const write = (to: string, content: string): void => {
      writeFileSync(to, content);
      utimesSync(to, 1000, 1000);
    };
    write(path, 'one');
    const file = new OwnFile(pathToFileURL(path));
    assert.equal(file.isReplaced, false);
    write(join(folder, 'new'), 'two');
    renameSync(join(folder, 'new'), path);
    assert.equal(file.isReplaced, true);
    const next = new OwnFile(pathToFileURL(path));
    assert.equal(next.isReplaced, false);
    write(path, 'three');
    assert.equal(next.isReplaced, true);
    rmSync(path);
    assert.equal(next.isReplaced, true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
