import assert from 'node:assert/strict';
import { spawn as spawnByNode } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { adoptOrphans, reapOrphans } from '#sys/orphans';
import { spawn } from '#sys/spawn';
import { PATIENCE_MS, until } from '../../support/until.ts';

/** The state letter of a process, empty when it is gone. */
function stateOf(pid: string): string {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) ? (/\) (.)/.exec(readFileSync(file, 'latin1'))?.[1] ?? '') : '';
}

test('orphans of another session are reaped, children of our own are left to their owner', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-orphans-'));
  const pidFile = join(folder, 'pid');
  try {
    adoptOrphans();
    const parent = await spawn({
      file: '/bin/sh',
      args: ['-c', `/bin/sh -c 'exit 0' & echo $! > ${pidFile}; exit 0`],
      hasOwnSession: true,
    });
    await parent.exited;
    const orphan = readFileSync(pidFile, 'utf8').trim();
    // One that libuv has not reaped yet, because we do not let it.
    const owned = spawnByNode('/bin/true', { stdio: 'ignore' });
    const exited = once(owned, 'exit');
    const deadline = Date.now() + PATIENCE_MS;
    while (
      Date.now() < deadline &&
      !(stateOf(String(owned.pid)) === 'Z' && ['Z', ''].includes(stateOf(orphan)))
    );
    reapOrphans();
    assert.equal(stateOf(orphan), '');
    assert.deepEqual((await exited)[0], 0, 'its owner learned how it ended');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an orphan that runs is left alone, and reaped when it ends, without being asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-orphans-'));
  const pidFile = join(folder, 'pid');
  try {
    adoptOrphans();
    const args = ['-c', `sleep 100 & echo $! > ${pidFile}; exit 0`];
    await (await spawn({ file: '/bin/sh', args, hasOwnSession: true })).exited;
    const orphan = readFileSync(pidFile, 'utf8').trim();
    reapOrphans();
    assert.notEqual(stateOf(orphan), '');
    process.kill(Number(orphan), 'SIGKILL');
    await until('it is reaped', () => Promise.resolve(stateOf(orphan) === ''));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
