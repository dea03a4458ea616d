import assert from 'node:assert/strict';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { linuxMounts } from '#sys/mount';
import { buildImageWith, builtImage, runIn } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';

/** A build begins when 256 MiB are free: more than that, and as little more as the engine itself needs. */
const DISK_BYTES = 320 * 1024 * 1024;

test('a step that fills the disk fails with that reason, and gives all of it back', {
  skip: cannotRunContainers,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-full-'));
  linuxMounts.mount(folder, { type: 'tmpfs', source: 'tmpfs', options: [`size=${DISK_BYTES}`, 'private'] });
  try {
    const root = join(folder, 'root');
    await using daemon = await startBusyboxDaemon({ root });
    // Fills the disk itself; then, when the disk has room for the file, but not for a layer of it as well.
    for (const count of [400, 200]) {
      const { error, imageId } = await buildImageWith(
        daemon,
        `FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=${count}`,
      );
      assert.equal(imageId, undefined);
      assert.match(
        error ?? '',
        count === 400 ? /returned a non-zero code: 1: the disk is full/ : /no space left on device/,
      );
    }
    const { imageId } = await builtImage(daemon, 'FROM busybox\nRUN echo fits > /small');
    assert.equal(await runIn(daemon, imageId, 'cat', '/small'), 'fits\n');
  } finally {
    await linuxMounts.detach(folder);
    rmdirSync(folder);
  }
});
