import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lookAt } from '#store/look-at';
import { HostPaths } from './host-paths.ts';

test('kindOf() and isReadOnly() say what is there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'host-paths-'));
  try {
    writeFileSync(join(folder, 'file'), '');
    const paths = new HostPaths({ lookAt: async input => lookAt(input) });
    assert.equal(await paths.kindOf(folder), 'directory');
    assert.equal(await paths.kindOf(join(folder, 'file')), 'file');
    assert.equal(await paths.kindOf(join(folder, 'none')), 'missing');
    assert.equal(await paths.kindOf(join(folder, 'file/below')), 'missing');
    assert.equal(await paths.isReadOnly(folder), false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
