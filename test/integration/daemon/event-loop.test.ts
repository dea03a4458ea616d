import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { cannotRunContainers, loadBusybox } from '../../support/busybox-daemon.ts';
import { startDaemon, type TestDaemon } from '../../support/daemon.ts';

const CONTAINERS = 50;
const STALL_MS = 50;
/** What follows a start of the engine falls into this time. */
const WATCHED_MS = 7_000;

interface LogLine {
  readonly message?: string;
  /** of which the engine's main thread had the processor; the rest is other programs' turn on a busy machine */
  readonly cpuMs?: number;
}

async function startAndRemoveMany(daemon: TestDaemon): Promise<void> {
  const ids = await Promise.all(
    Array.from({ length: CONTAINERS }, async () => {
      const { body } = await daemon.call('POST', '/containers/create', {
        Image: 'busybox',
        Cmd: ['sleep', '60'],
      });
      const { Id } = body as { Id: string };
      assert.equal((await daemon.call('POST', `/containers/${Id}/start`)).status, 204);
      return Id;
    }),
  );
  await Promise.all(ids.map(id => daemon.call('DELETE', `/containers/${id}?force=1`)));
}

test('the event loop is not held for more than 50 ms while 50 containers start, also right after the first start of a version', {
  skip: cannotRunContainers,
}, async () => {
  const cache = mkdtempSync(`${tmpdir()}/quai-test-cache-`);
  try {
    await using daemon = await startDaemon({ env: { NODE_COMPILE_CACHE: cache } }); // nothing is compiled yet
    const begin = Date.now();
    await loadBusybox(daemon);
    while (Date.now() - begin < WATCHED_MS) await startAndRemoveMany(daemon);
    const lines = daemon.log
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as LogLine);
    const ready = lines.findIndex(({ message }) => message === 'the engine is ready');
    const stalls = lines.slice(ready + 1).filter(({ message }) => message === 'the event loop stalled');
    const first = stalls[0] === undefined ? -1 : lines.indexOf(stalls[0]);
    // The first one it reports may be the start itself, of which the last instant is the line above.
    const counted = first === ready + 1 ? stalls.slice(1) : stalls;
    assert.deepEqual(
      counted.filter(({ cpuMs = 0 }) => cpuMs > STALL_MS),
      [],
    );
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
});
