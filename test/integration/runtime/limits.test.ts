import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectCgroups } from '#sys/cgroup';
import { readCgroupStats } from '#sys/cgroup-stats';
import { eventually, RuntimeFixture, whyNot } from './runtime-fixture.ts';

const support = detectCgroups();
const MB = 1 << 20;
const NOTHING_LIFTED = { isPidsUnlimited: false, isCpuUnlimited: false };

for (const runtime of ['crun', 'runc']) {
  const skip = whyNot(runtime) || (support.hasMemoryLimit ? false : 'needs the memory controller');

  test(`${runtime}: limits are what they are to be from the start, after a change, and when they are lifted; and all is counted`, {
    skip,
  }, async () => {
    await using fixture = new RuntimeFixture();
    const container = await fixture.run({
      runtime,
      args: ['sh', '-c', 'while :; do :; done & exec sleep 1000'],
      linux: {
        resources: {
          memory: { limit: 64 * MB },
          pids: { limit: 20 },
          cpu: { quota: 20_000, period: 100_000 },
        },
      },
    });
    const stats = () => readCgroupStats(support, container.options.spec.linux.cgroupsPath);
    const limits = async (): Promise<unknown> => {
      const { memory, pids } = await stats();
      return [memory?.limitBytes, pids?.limit];
    };
    assert.deepEqual(await limits(), [64 * MB, 20]);
    let seen = await stats();
    const isBusy = (): boolean => (seen.cpu?.throttledPeriods ?? 0) > 0 && seen.pids?.current === 2;
    await eventually(isBusy, 'both processes run, and are held back', async () => {
      seen = await stats();
    });
    const { cpu, memory } = seen;
    assert.ok((cpu?.usageNanos ?? 0) > 0 && (cpu?.periods ?? 0) >= (cpu?.throttledPeriods ?? 0));
    assert.ok((memory?.usageBytes ?? 0) > 0 && (memory?.usageBytes ?? 0) <= 64 * MB);
    assert.ok(Object.keys(memory?.stats ?? {}).length > 5);

    await fixture.runtime.update(
      container.id,
      { memory: { limit: 96 * MB }, pids: { limit: 30 }, cpu: { quota: 50_000 } },
      NOTHING_LIFTED,
    );
    assert.deepEqual(await limits(), [96 * MB, 30]);
    await fixture.runtime.update(container.id, {}, { isPidsUnlimited: true, isCpuUnlimited: true });
    assert.deepEqual(await limits(), [96 * MB, undefined]);
    const { throttledPeriods } = (await stats()).cpu ?? {};

    fixture.runtime.pause(container.id);
    await eventually(() => fixture.runtime.isPaused(container.id), 'all have stopped');
    const stopped = (await stats()).cpu?.usageNanos;
    assert.equal((await stats()).cpu?.usageNanos, stopped);
    fixture.runtime.resume(container.id);
    await eventually(
      () => (seen.cpu?.usageNanos ?? 0) > (stopped ?? 0) + 1e8,
      'it goes on',
      async () => {
        seen = await stats();
      },
    );
    assert.equal(seen.cpu?.throttledPeriods, throttledPeriods, 'and is not held back any more');
    await fixture.delete(container);
  });
}
