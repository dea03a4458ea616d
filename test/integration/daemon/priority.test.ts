import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { startDaemon, type TestDaemon } from '../../support/daemon.ts';

const skip = cannotRunContainers;

/** proc_pid_stat(5): field 19; the name in parentheses may hold anything. */
function niceIn(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

function niceOf(path: string): number {
  return niceIn(readFileSync(`/proc/${path}/stat`, 'latin1'));
}

function nicesOfThreads(pid: number): { readonly main: number; readonly others: readonly number[] } {
  const others = readdirSync(`/proc/${pid}/task`).filter(thread => thread !== `${pid}`);
  return {
    main: niceOf(`${pid}/task/${pid}`),
    others: [...new Set(others.map(thread => niceOf(`${pid}/task/${thread}`)))],
  };
}

async function startSleeper(daemon: TestDaemon): Promise<number> {
  await daemon.ok('docker', ['run', '-d', '--name', 'sleeper', 'busybox', 'sleep', '100']);
  return Number(await daemon.ok('docker', ['inspect', '-f', '{{.State.Pid}}', 'sleeper']));
}

test('the main thread of the engine gets a processor before others; nothing that it starts does', {
  skip,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const pid = await startSleeper(daemon);
  assert.deepEqual(nicesOfThreads(daemon.pid), { main: -10, others: [0] });
  const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  assert.notEqual(parent, `${daemon.pid}`, 'a supervisor is between');
  assert.deepEqual([niceOf(`${pid}`), niceOf(`${parent}`)], [0, 0], 'process and supervisor');
  assert.equal(niceIn(await daemon.ok('docker', ['exec', 'sleeper', 'cat', '/proc/self/stat'])), 0);
  assert.equal(niceIn(await daemon.ok('docker', ['run', '--rm', 'busybox', 'cat', '/proc/self/stat'])), 0);
});

test('favor-engine: false leaves the engine where it is', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-test-config-'));
  try {
    const config = join(folder, 'daemon.json');
    writeFileSync(config, JSON.stringify({ 'favor-engine': false }));
    await using daemon = await startDaemon({ flags: ['--config', config] });
    assert.deepEqual(nicesOfThreads(daemon.pid), { main: 0, others: [0] });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
