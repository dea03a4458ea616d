import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { test } from 'node:test';
import { builtImage } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { makeBusyboxArchive } from '../../support/busybox-image.ts';
import type { TestDaemon } from '../../support/daemon.ts';

const skip = cannotRunContainers;
const MB = 1_000_000;

interface Sums {
  readonly TotalSize: number;
  readonly Reclaimable: number;
  readonly Items?: readonly { readonly ID: string; readonly Size: number }[];
}

async function usage(
  daemon: TestDaemon,
): Promise<{ readonly ImageUsage: Sums; readonly BuildCacheUsage: Sums }> {
  const { body } = await daemon.call('GET', '/v1.52/system/df?verbose=1');
  return body as { ImageUsage: Sums; BuildCacheUsage: Sums };
}

async function prune(daemon: TestDaemon, path: string): Promise<number> {
  const { status, body } = await daemon.call('POST', path);
  assert.equal(status, 200, JSON.stringify(body));
  return (body as { SpaceReclaimed: number }).SpaceReclaimed;
}

/** An image without a name, of one layer. */
async function loadDangling(daemon: TestDaemon, own: string): Promise<void> {
  const archive = await makeBusyboxArchive({
    tags: [],
    extra: [{ path: 'own', content: own.repeat(MB) }],
  });
  const { status, body } = await daemon.call('POST', '/images/load', createReadStream(archive), {
    headers: { 'Content-Type': 'application/x-tar' },
  });
  assert.equal(status, 200, JSON.stringify(body));
}

for (const driver of ['overlay2', 'auto'] as const) {
  test(`images/prune tells what is freed: shared layers and those of the build cache are not (${driver})`, {
    skip,
  }, async () => {
    await using daemon = await startBusyboxDaemon({ flags: ['--storage-driver', driver] });
    for (const nth of [1, 2, 3]) {
      await builtImage(daemon, `FROM busybox\nCOPY a /a\nRUN echo ${nth} >/x`, {
        files: { a: 'a'.repeat(MB) },
      });
    }
    const before = await usage(daemon);
    assert.equal(before.BuildCacheUsage.TotalSize, 0, 'all of it is on the disk for images');
    // busybox has a name, the rest is held by the cache
    assert.equal(await prune(daemon, '/images/prune'), 0);

    const after = await usage(daemon);
    const freed = before.ImageUsage.TotalSize - after.ImageUsage.TotalSize;
    assert.ok(freed > MB);
    assert.equal(after.BuildCacheUsage.TotalSize, freed, 'what images do not count any more is counted here');
    assert.equal(after.BuildCacheUsage.Reclaimable, freed);
    assert.equal(await prune(daemon, '/build/prune'), freed);
    assert.equal((await usage(daemon)).BuildCacheUsage.TotalSize, 0);
  });

  test(`images/prune tells what system df said could go, each layer once, and the event says the same (${driver})`, {
    skip,
  }, async () => {
    await using daemon = await startBusyboxDaemon({ flags: ['--storage-driver', driver] });
    for (const nth of [1, 2, 3]) {
      await builtImage(daemon, `FROM busybox\nCOPY a /a\nRUN echo ${nth} >/x`, {
        files: { a: 'a'.repeat(MB) },
      });
    }
    assert.equal(await prune(daemon, '/build/prune?all=1'), 0, 'images have all of it');
    await loadDangling(daemon, 'b');
    const before = (await usage(daemon)).ImageUsage.TotalSize;
    const since = Date.now() / 1000;
    const freed = await prune(daemon, '/images/prune');
    const after = (await usage(daemon)).ImageUsage;
    assert.ok(freed > 2 * MB);
    assert.equal(freed, before - after.TotalSize);
    const events = await daemon.call(
      'GET',
      `/events?since=${since}&until=${Date.now() / 1000}&filters=${encodeURIComponent('{"event":["prune"]}')}`,
    );
    assert.match(JSON.stringify(events.body), new RegExp(`reclaimed[\\\\":]+${freed}\\D`));

    assert.equal(await prune(daemon, '/images/prune?filters={"dangling":["false"]}'), after.Reclaimable);
    assert.equal((await usage(daemon)).ImageUsage.TotalSize, 0);
  });
}

test('a layer to which two steps lead counts once in the build cache, and is freed with the second', {
  skip,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const files = { a: 'a'.repeat(MB) };
  await builtImage(daemon, 'FROM busybox\nCOPY a /x', { files });
  await builtImage(daemon, 'FROM busybox\nCOPY --chmod=644 a /x', { files });
  await prune(daemon, '/images/prune');
  const { Items, ...sums } = (await usage(daemon)).BuildCacheUsage;
  const [one, other] = Items ?? [];
  assert.ok(one && other && one.Size >= MB);
  assert.equal(other.Size, one.Size);
  assert.deepEqual([sums.TotalSize, sums.Reclaimable], [one.Size, one.Size]);
  assert.equal(await prune(daemon, `/build/prune?filters={"id":["${one.ID}"]}`), 0);
  assert.equal(await prune(daemon, '/build/prune'), one.Size);
});
