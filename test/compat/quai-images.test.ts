import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const engine = compatEngine();

/** Once more when they differ: a second may have passed between the two, and with it an age they show. */
async function same(...words: string[]): Promise<string> {
  for (let isLast = false; ; isLast = true) {
    const theirs = await engine.docker(words);
    // Docker's speaks 1.50; newer versions tell more about images
    const ours = await engine.daemon.quai(words, { env: { DOCKER_API_VERSION: '1.50' } });
    if (ours.stdout !== theirs.stdout && !isLast) continue;
    assert.deepEqual(
      [ours.code, ours.stdout],
      [theirs.code, theirs.stdout],
      `${words.join(' ')}: ${ours.stderr}`,
    );
    return ours.stdout;
  }
}

test('quai shows images, their history and what they take on disk as docker does, on our engine', {
  skip,
}, async () => {
  await loadImage(engine, {
    tags: ['layers:1', 'layers:2'],
    extra: [{ path: 'big', content: 'x'.repeat(5000) }],
  });
  await engine.started(
    'user',
    '-v',
    'data:/data',
    'busybox',
    'sh',
    '-c',
    'echo 12345 >/data/x; echo 1 >/y; sleep 100',
  );
  await engine.ok('create', '--name', 'other', 'layers:1');
  await same('images');
  await same('images', '--no-trunc', '--digests');
  await same('image', 'ls', '--format', 'json', 'layers');
  await same('history', 'layers:1');
  await same('history', '--no-trunc', '--format', 'json', 'layers:1');
  await same('image', 'inspect', 'layers:1');
  assert.match(await same('system', 'df'), /^Images +2 +2 /m);
  assert.match(await same('system', 'df', '-v'), /^data +1 +\S+B$/m);
  await same('system', 'df', '--format', 'json');
  // The newest version has sums: here what images share is not counted as free, which old clients do by their own reckoning.
  const newest = (await engine.daemon.quai(['system', 'df'])).stdout;
  assert.match(newest, /^Images +2 +2 +\S+ +0B \(0%\)$/m);
  const others = (text: string): string => text.replace(/^Images .*$/m, '');
  assert.equal(others(newest), others(await same('system', 'df')));
  assert.match((await engine.daemon.quai(['system', 'df', '-v'])).stdout, /^data +1 +\S+B$/m);
  await same('save', '--platform', 'linux/nosuch', 'layers:1');
  const theirs = await engine.docker(['save', 'layers:1']);
  const ours = await engine.daemon.quai(['save', 'layers:1']);
  assert.ok(ours.stdout.length > 100_000);
  assert.equal(ours.stdout, theirs.stdout, 'the same bytes');
  await engine.ok('rm', '-f', 'user', 'other');
  await engine.ok('rmi', 'layers:1', 'layers:2');
  await engine.ok('volume', 'rm', 'data');
});

test('quai prunes images and everything else on our engine', { skip }, async () => {
  await loadImage(engine, { tags: ['moving:1'], config: { Labels: { v: '1' } } });
  await loadImage(engine, { tags: ['moving:1'], config: { Labels: { v: '2' } } });
  const images = await engine.daemon.quai(['image', 'prune', '-f']);
  assert.match(
    images.stdout,
    /^Deleted Images:\n[^]*deleted: sha256:[0-9a-f]{64}\n[^]*Total reclaimed space: \S+B\n$/,
  );
  await engine.ok('create', '--name', 'stopped', 'busybox');
  await engine.ok('network', 'create', 'unused');
  const all = await engine.daemon.quai(['system', 'prune', '-af', '--volumes', '--filter', 'label!=keep']);
  assert.equal(all.code, 0, all.stderr);
  assert.match(all.stdout, /^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Networks:\nunused\n[^]*moving:1/);
  assert.equal(await engine.ok('ps', '-aq'), '');
  const theirs = await engine.ok('system', 'prune', '-af', '--filter', 'label!=keep');
  assert.equal(theirs, 'Total reclaimed space: 0B');
});
