import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import {
  dockerArchive,
  HOST_ARCHITECTURE,
  ociArchive,
  sha256,
  type TestImage,
  tarOf,
} from '../../support/image-archive.ts';
import { rootMissing, startImageEngine } from '../../support/image-engine.ts';
import { filesOf, NOTHING } from './leftovers.ts';

const skip = rootMissing();
const ROOT = tarOf([
  { path: 'etc/', type: 'directory' },
  { path: 'etc/hostname', content: 'imported' },
]);
const SAVED: TestImage = { tags: ['x:1'], layers: [[{ path: 'f', content: 'x' }]] };

for (const [how, bytes] of [
  ['plain', ROOT],
  ['gzip', gzipSync(ROOT)],
  ['zstd', zstdCompressSync(ROOT)],
] as const) {
  test(`import() makes an image of one layer from a ${how} tar`, { skip }, async () => {
    await using engine = startImageEngine();
    const id = await engine.images.import(Readable.from([bytes]), { reference: 'mine', message: 'by hand' });
    const image = engine.images.get('mine:latest');
    assert.equal(image.id, id);
    assert.deepEqual(image.diffIds, [sha256(ROOT)]);
    assert.deepEqual(image.platform, { os: 'linux', architecture: HOST_ARCHITECTURE });
    assert.deepEqual(
      image.history.map(({ comment }) => comment),
      ['by hand'],
    );
    assert.ok(Math.abs((image.createdAt ?? 0) - Date.now()) < 60_000);
    assert.ok(engine.content.has(sha256(bytes)));
    engine.snapshots.prepare('c', image.snapshot);
    const [lower = ''] = engine.snapshots.directories('c').lowers;
    assert.equal(readFileSync(join(lower, 'etc/hostname'), 'utf8'), 'imported');
    assert.deepEqual(
      engine.events.map(({ action }) => action),
      ['import'],
    );
  });
}

test('import() applies changes and the platform', { skip }, async () => {
  await using engine = startImageEngine();
  const id = await engine.images.import(Readable.from([ROOT]), {
    platform: 'linux/arm64',
    changes: [
      'CMD ["/bin/sh", "-c"]',
      'ENV A=1 B="two words"',
      'EXPOSE 80',
      'WORKDIR /srv',
      'USER 7',
      'LABEL k=v',
    ],
  });
  const { config, platform, repoTags } = engine.images.get(id);
  assert.deepEqual(config.Cmd, ['/bin/sh', '-c']);
  assert.deepEqual(config.Env, ['A=1', 'B=two words']);
  assert.deepEqual(config.ExposedPorts, ['80/tcp']);
  assert.deepEqual([config.WorkingDir, config.User, config.Labels], ['/srv', '7', { k: 'v' }]);
  assert.equal(platform.architecture, 'arm64');
  assert.deepEqual(repoTags, []);
});

for (const [what, bytes] of [
  ['docker save', dockerArchive([SAVED])],
  ['docker save, compressed', gzipSync(dockerArchive([SAVED]))],
  ['an OCI layout', ociArchive([SAVED])],
] as const) {
  test(`import() of an archive of ${what} points to load`, { skip }, async () => {
    await using engine = startImageEngine();
    await assert.rejects(engine.images.import(Readable.from([bytes]), { reference: 'x' }), {
      kind: 'invalid',
      message: /docker load/,
    });
    assert.deepEqual(await filesOf(engine), NOTHING);
    assert.deepEqual(engine.images.list(), []);
  });
}

const BAD: readonly (readonly [string, Buffer, object, RegExp])[] = [
  ['an empty body', Buffer.alloc(0), {}, /unexpected end/],
  ['no tar', Buffer.from('<html>'.repeat(500)), {}, /invalid tar archive/],
  ['a cut tar', ROOT.subarray(0, 700), {}, /unexpected end/],
  ['a bzip2 archive', Buffer.from('BZh91AY&SY'), {}, /bzip2 are not supported/],
  ['a change that is none', ROOT, { changes: ['RUN x'] }, /run is not a valid change command/],
  ['a bad name', ROOT, { reference: 'Bad' }, /must be lowercase/],
  ['a bad platform', ROOT, { platform: 'a/b/c/d' }, /invalid platform/],
];

for (const [what, bytes, options, message] of BAD) {
  test(`import() refuses ${what}, and leaves nothing`, { skip }, async () => {
    await using engine = startImageEngine();
    const body = Readable.from(bytes.length > 0 ? [bytes] : []);
    await assert.rejects(engine.images.import(body, options), { kind: 'invalid', message });
    assert.deepEqual(await filesOf(engine), NOTHING);
  });
}
