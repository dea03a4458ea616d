import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildImageWith, builtImage, cachedSteps, runIn } from '../../support/build-image.ts';
import { cannotRunContainers, loadBusybox, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';
import { tarOf } from '../../support/image-archive.ts';
import { until } from '../../support/until.ts';

const skip = cannotRunContainers;
const DOCKERFILE = [
  'FROM busybox',
  'RUN echo one > /one',
  'LABEL a=1',
  'COPY a.txt /a',
  'RUN echo two > /two',
].join('\n');
const files = { 'a.txt': 'A' };

async function entries(
  daemon: TestDaemon,
): Promise<{ ID: string; Type: string; Shared: boolean; InUse: boolean }[]> {
  const { body } = await daemon.call('GET', '/v1.44/system/df?type=build-cache');
  return (body as { BuildCache: { ID: string; Type: string; Shared: boolean; InUse: boolean }[] }).BuildCache;
}

for (const driver of ['overlay2', 'auto'] as const) {
  test(`steps are found again, also when their image is gone and the engine began anew (${driver})`, {
    skip,
  }, async () => {
    const flags = ['--storage-driver', driver];
    await using daemon = await startBusyboxDaemon({ flags });
    const first = await builtImage(daemon, DOCKERFILE, { files, query: { t: 'made' } });
    assert.equal(cachedSteps(first.text), 0);
    assert.equal((await daemon.call('DELETE', '/images/made')).status, 200);
    assert.equal((await buildImageWith(daemon, 'FROM made')).imageId, undefined);

    const second = await builtImage(daemon, DOCKERFILE, { files });
    assert.deepEqual([second.imageId, cachedSteps(second.text)], [first.imageId, 3]);
    assert.equal((await daemon.call('DELETE', `/images/${second.imageId}`)).status, 200);

    await daemon.restart(flags);
    const third = await builtImage(daemon, DOCKERFILE, { files });
    assert.deepEqual([third.imageId, cachedSteps(third.text)], [first.imageId, 3]);
    assert.equal(await runIn(daemon, third.imageId, 'cat', '/one', '/a', '/two'), 'one\nAtwo\n');
  });
}

test('what changes no file changes no later step; what does, all of them', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  await builtImage(daemon, DOCKERFILE, { files });
  const label = await builtImage(daemon, DOCKERFILE.replace('a=1', 'a=2'), { files });
  assert.equal(cachedSteps(label.text), 3);
  const env = await builtImage(daemon, DOCKERFILE.replace('LABEL a=1', 'ENV a=1'), { files });
  assert.equal(cachedSteps(env.text), 2); // the last RUN sees it
  const content = await builtImage(daemon, DOCKERFILE, { files: { 'a.txt': 'B' } });
  assert.equal(cachedSteps(content.text), 1);
  const none = await builtImage(daemon, DOCKERFILE, { files, query: { nocache: '1' } });
  assert.equal(cachedSteps(none.text), 0);
  const again = await builtImage(daemon, DOCKERFILE, { files });
  assert.deepEqual([again.imageId, cachedSteps(again.text)], [none.imageId, 3]);
});

test('a step that two builds want at once is done once', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  // Nothing else makes the names of two runs differ. It takes long enough for all three to come before it is over.
  const dockerfile = 'FROM busybox\nRUN sleep 5; cat /proc/sys/kernel/random/uuid > /name; cat /name';
  const builds = await Promise.all([1, 2, 3].map(() => builtImage(daemon, dockerfile)));
  const names = await Promise.all(builds.map(({ imageId }) => runIn(daemon, imageId, 'cat', '/name')));
  assert.equal(new Set(names).size, 1);
  for (const { text } of builds) assert.ok(text.includes(names[0] ?? '?'), 'everyone sees what it writes');
});

test('builds with other secrets do not do a step together: each has its own, or fails for itself', {
  skip,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const hold = '--mount=type=cache,id=hold,target=/hold';
  const wait = 'until [ -e /hold/go ]; do sleep 0.1; done';
  const dockerfile = `FROM busybox\nRUN ${hold} --mount=type=secret,id=token,required=true cat /run/secrets/token; ${wait}`;
  const token = Buffer.from('of the first').toString('base64');
  const { body } = await daemon.call('POST', '/quai/build/secrets', { token });
  const { Id } = body as { Id: string };
  const context = tarOf([{ path: 'Dockerfile', content: dockerfile }]);
  const first = daemon.call('POST', `/quai/build?progress=plain&secrets=${Id}`, context);
  await until('the first has begun', async () =>
    (await entries(daemon)).some(({ InUse, Type }) => InUse && Type === 'exec.cachemount'),
  );
  try {
    const other = await buildImageWith(daemon, dockerfile, { signal: AbortSignal.timeout(20_000) });
    assert.match(other.error ?? '', /secret token: not found/);
    assert.ok(!other.text.includes('of the first'));
  } finally {
    await builtImage(daemon, `FROM busybox\nRUN ${hold} touch /hold/go`);
    assert.match(JSON.stringify((await first).body), /of the first.*Successfully built/);
  }
});

test('a build under way loses nothing to prune, and not its base image when that is removed', {
  skip,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  await builtImage(daemon, 'FROM busybox\nRUN echo base > /base', { query: { t: 'base' } });
  const hold = '--mount=type=cache,id=hold,target=/hold';
  const lines = [
    'FROM base',
    'RUN echo before > /before',
    `RUN ${hold} until [ -e /hold/go ]; do sleep 0.1; done`,
    'RUN cat /base /before > /after',
    'FROM busybox',
    'COPY --from=0 /after /after',
  ];
  const building = builtImage(daemon, lines.join('\n'));
  await until('the step holds its cache', async () =>
    (await entries(daemon)).some(({ InUse, Type }) => InUse && Type === 'exec.cachemount'),
  );
  for (const name of ['base', 'busybox'])
    assert.equal((await daemon.call('DELETE', `/images/${name}?force=1`)).status, 200);
  assert.equal((await daemon.call('POST', '/build/prune?all=1')).status, 200);
  await loadBusybox(daemon);
  await builtImage(daemon, `FROM busybox\nRUN ${hold} touch /hold/go`);
  const { imageId } = await building;
  assert.equal(await runIn(daemon, imageId, 'cat', '/after'), 'base\nbefore\n');
  assert.equal((await daemon.call('POST', '/build/prune?all=1')).status, 200);
  assert.deepEqual(await entries(daemon), []);
});

test('POST /build/prune: frees what no image has, then all', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  await builtImage(daemon, 'FROM busybox\nRUN echo kept > /kept', { query: { t: 'kept' } });
  const { imageId } = await builtImage(
    daemon,
    'FROM busybox\nRUN --mount=type=cache,target=/m dd if=/dev/zero of=/m/x bs=1k count=100\nRUN dd if=/dev/zero of=/x bs=1k count=200',
  );
  await daemon.call('DELETE', `/images/${imageId}`);
  const kinds = (await entries(daemon)).map(({ Type, Shared }) => `${Type} ${Shared}`).toSorted();
  assert.deepEqual(kinds, ['exec.cachemount false', 'regular false', 'regular false', 'regular true']);
  const { body } = await daemon.call('POST', '/build/prune');
  const report = body as { CachesDeleted: string[]; SpaceReclaimed: number };
  assert.ok(report.SpaceReclaimed >= 300 * 1024, `${report.SpaceReclaimed}`);
  assert.equal((await entries(daemon)).length, 1);
  await daemon.call('POST', '/build/prune?all=1');
  assert.deepEqual(await entries(daemon), []);
  assert.equal(await runIn(daemon, 'kept', 'cat', '/kept'), 'kept\n');
});

test('a client that leaves ends its build, and nothing is left of it', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  const left = new AbortController();
  const dockerfile =
    'FROM busybox\nRUN echo begun > /begun\nRUN --mount=type=cache,id=c,target=/c touch /c/here; sleep 1000';
  const building = buildImageWith(daemon, dockerfile, { signal: left.signal });
  await until('the step uses its cache', async () =>
    (await entries(daemon)).some(({ Type, InUse }) => Type === 'exec.cachemount' && InUse),
  );
  left.abort();
  await assert.rejects(building);
  await until('nothing is in use', async () => (await entries(daemon)).every(({ InUse }) => !InUse));
  // What was done before stays; the leak check sees to the rest.
  const again = await builtImage(daemon, 'FROM busybox\nRUN echo begun > /begun');
  assert.equal(cachedSteps(again.text), 1);
});
