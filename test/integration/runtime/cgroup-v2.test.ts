import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { guestMissing, runInGuest } from '../../support/guest-kernel.ts';
import { whyNot } from './runtime-fixture.ts';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const skip = guestMissing || (whyNot() ?? false);

test('limits, counters, pauses and kills under a kernel that has version 2 of control groups only', {
  skip,
}, async () => {
  const folder = mkdtempSync('/var/tmp/quai-cgroup-v2-');
  try {
    const node = `${process.execPath} --disable-warning=ExperimentalWarning --test --test-concurrency=1 --test-reporter=tap`;
    const script = [
      'mount -t sysfs sysfs /sys; mount -t cgroup2 none /sys/fs/cgroup',
      `cd ${REPOSITORY}`,
      `${node} test/integration/sys/cgroup.test.ts test/integration/runtime/limits.test.ts`,
      `${node} --test-name-pattern='pause|memory|outlive' test/integration/runtime/container-life.test.ts`,
    ];
    const { code, stdout } = await runInGuest(script.join('\n'), { disks: [], folder });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /\nok \d+ - crun: limits are what they are to be[^#]*$/m, stdout);
    assert.match(stdout, /\nok \d+ - pause\(\) stops all processes[^#]*$/m, stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
