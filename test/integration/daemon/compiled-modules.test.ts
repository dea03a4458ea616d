import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cannotRunDaemon, startDaemon } from '../../support/daemon.ts';

test('what a start had to compile is there for the next one', { skip: cannotRunDaemon }, async () => {
  const cache = mkdtempSync(join(tmpdir(), 'quai-test-cache-'));
  try {
    await using daemon = await startDaemon({ env: { NODE_COMPILE_CACHE: cache } });
    await daemon.restart();
    const files = readdirSync(cache, { recursive: true });
    assert.ok(files.length > 500, `only ${files.length} files are there`);
  } finally {
    rmSync(cache, { recursive: true });
  }
});
