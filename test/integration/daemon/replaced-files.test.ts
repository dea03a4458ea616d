import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cannotRunContainers, loadBusybox } from '../../support/busybox-daemon.ts';
import { startDaemon } from '../../support/daemon.ts';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));

/** An installation of its own, which can be replaced. */
function install(folder: string): string {
  for (const name of ['quai', 'package.json']) copyFileSync(join(REPOSITORY, name), join(folder, name));
  cpSync(join(REPOSITORY, 'src'), join(folder, 'src'), { recursive: true });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  return join(folder, 'quai');
}

test('an engine whose files are replaced while it runs starts no thread of another version, says so, and is well after a restart', {
  skip: cannotRunContainers,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-test-installed-'));
  try {
    await using daemon = await startDaemon({ program: install(folder) });
    renameSync(join(folder, 'src'), join(folder, 'old'));
    cpSync(join(REPOSITORY, 'src'), join(folder, 'src'), { recursive: true });

    await assert.rejects(loadBusybox(daemon), /files of the engine were replaced while it runs: restart it/);
    assert.equal((await daemon.call('GET', '/containers/json')).status, 200);
    await daemon.restart();
    await loadBusybox(daemon);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
