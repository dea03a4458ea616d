import assert from 'node:assert/strict';
import { createReadStream, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { linuxMounts } from '#sys/mount';
import { busyboxMissing, makeBusyboxArchive } from '../../support/busybox-image.ts';
import {
  blobPath,
  buildImage,
  descriptor,
  dockerArchive,
  HOST_ARCHITECTURE,
  layoutTar,
  ociArchive,
  ociManifest,
  sha256,
  type TestImage,
  tarOf,
} from '../../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../../support/image-engine.ts';
import { filesOf, NOTHING } from './leftovers.ts';

const skip = rootMissing();

const SMALL: TestImage = {
  tags: ['small:1'],
  layers: [
    [
      { path: 'etc/', type: 'directory' },
      { path: 'etc/a', content: 'lower' },
      { path: 'etc/b', content: 'lower' },
    ],
    [
      { path: 'etc/a', content: 'upper' },
      { path: 'etc/.wh.b', content: '' },
    ],
  ],
  config: { Cmd: ['/x'], Env: ['A=1'], Labels: { k: 'v' }, ExposedPorts: { '80/tcp': {} } },
};
const OTHER_ARCHITECTURE = HOST_ARCHITECTURE === 'arm64' ? 'amd64' : 'arm64';

async function load(engine: ImageEngine, archive: Buffer, piece = 65_536): Promise<string[]> {
  const lines: string[] = [];
  const pieces = Array.from({ length: Math.ceil(archive.length / piece) }, (_, index) =>
    archive.subarray(index * piece, (index + 1) * piece),
  );
  await engine.images.load(Readable.from(pieces), line => lines.push(line));
  return lines;
}

/** Files of an image as a container would see them. */
function mounted<T>(engine: ImageEngine, reference: string, look: (root: string) => T): T {
  engine.snapshots.prepare('view', engine.images.get(reference).snapshot);
  const target = join(engine.root, 'mounted');
  mkdirSync(target, { recursive: true });
  linuxMounts.mount(target, engine.snapshots.mounts('view'));
  try {
    return look(target);
  } finally {
    linuxMounts.unmount(target);
    engine.snapshots.remove('view');
  }
}

test('load() takes in an archive of docker save; its snapshot can be mounted and written to', {
  skip: skip || busyboxMissing(),
}, async () => {
  await using engine = startImageEngine();
  const lines: string[] = [];
  await engine.images.load(createReadStream(await makeBusyboxArchive()), line => lines.push(line));

  assert.deepEqual(lines, ['Loaded image: busybox:latest']);
  const image = engine.images.get('busybox');
  assert.deepEqual(image.config.Cmd, ['sh']);
  assert.deepEqual(image.repoTags, ['busybox:latest']);
  assert.ok(image.sizeBytes > 1_000_000);

  engine.snapshots.prepare('c1', image.snapshot);
  const target = join(engine.root, 'rootfs');
  mkdirSync(target);
  linuxMounts.mount(target, engine.snapshots.mounts('c1'));
  try {
    assert.equal(lstatSync(join(target, 'bin/sh')).ino, lstatSync(join(target, 'bin/busybox')).ino);
    assert.equal(lstatSync(join(target, 'tmp')).mode & 0o7777, 0o1777);
    writeFileSync(join(target, 'etc/passwd'), 'changed');
  } finally {
    linuxMounts.unmount(target);
  }
  const { upper, lowers } = engine.snapshots.directories('c1');
  assert.equal(readFileSync(join(upper, 'etc/passwd'), 'utf8'), 'changed');
  assert.match(readFileSync(join(lowers[0] ?? '', 'etc/passwd'), 'utf8'), /^root:/);
});

const FORMATS: readonly (readonly [string, () => Buffer])[] = [
  ['a Docker archive', () => dockerArchive([SMALL])],
  ['a Docker archive with gzip layers', () => dockerArchive([{ ...SMALL, compress: 'gzip' }])],
  ['a Docker archive with zstd layers', () => dockerArchive([{ ...SMALL, compress: 'zstd' }])],
  ['an OCI layout', () => ociArchive([SMALL])],
  ['an OCI layout with zstd layers', () => ociArchive([{ ...SMALL, compress: 'zstd' }])],
  [
    'an OCI layout named as the specification says',
    () => ociArchive([SMALL], { annotation: 'org.opencontainers.image.ref.name' }),
  ],
  ['an archive of both kinds', () => ociArchive([SMALL], { withDockerManifest: true })],
  ['an OCI layout with an index inside', () => ociArchive([SMALL], { isNested: true })],
  ['a gzip stream', () => gzipSync(dockerArchive([SMALL]))],
  ['a zstd stream', () => zstdCompressSync(ociArchive([SMALL]))],
];

for (const [what, make] of FORMATS) {
  test(`load() takes ${what}, with whiteouts and configuration`, { skip }, async () => {
    await using engine = startImageEngine();
    assert.deepEqual(await load(engine, make(), 1000), ['Loaded image: small:1']);
    const image = engine.images.get('small:1');
    assert.equal(image.id, buildImage(SMALL).configDigest);
    assert.deepEqual(image.diffIds, buildImage(SMALL).diffIds);
    assert.deepEqual(image.config.Env, ['A=1']);
    assert.deepEqual(image.config.ExposedPorts, ['80/tcp']);
    assert.equal(image.sizeBytes, 15);
    assert.deepEqual(
      image.history.map(({ sizeBytes }) => sizeBytes),
      [10, 5],
    );
    mounted(engine, 'small:1', root => {
      assert.equal(readFileSync(join(root, 'etc/a'), 'utf8'), 'upper');
      assert.throws(() => lstatSync(join(root, 'etc/b')), { code: 'ENOENT' });
    });
    assert.deepEqual(
      engine.events.map(({ action }) => action),
      ['load'],
    );
  });
}

test('load() twice changes nothing; layers are shared between images', { skip }, async () => {
  await using engine = startImageEngine();
  const other: TestImage = { ...SMALL, tags: ['other:1'], config: { Cmd: ['/other'] } };
  await load(engine, dockerArchive([SMALL]));
  const before = await filesOf(engine);
  assert.deepEqual(before, { ...NOTHING, blobs: 2, snapshots: 2 });
  await load(engine, dockerArchive([SMALL]));
  assert.deepEqual(await filesOf(engine), before);
  assert.deepEqual(await load(engine, dockerArchive([SMALL, other])), [
    'Loaded image: small:1',
    'Loaded image: other:1',
  ]);
  assert.deepEqual(await filesOf(engine), before);
  assert.equal(engine.images.list().length, 2);
});

test('load() gives the ID of an image without a name, and moves a tag that is taken', { skip }, async () => {
  await using engine = startImageEngine();
  const unnamed: TestImage = { ...SMALL, tags: [] };
  const { configDigest } = buildImage(unnamed);
  assert.deepEqual(await load(engine, dockerArchive([unnamed])), [`Loaded image ID: ${configDigest}`]);
  await load(engine, dockerArchive([SMALL]));
  const newer: TestImage = { ...SMALL, config: { Cmd: ['/new'] } };
  assert.deepEqual(await load(engine, dockerArchive([newer])), [
    `The image small:1 already exists, renaming the old one with ID ${configDigest} to empty string`,
    'Loaded image: small:1',
  ]);
  assert.equal(engine.images.get('small:1').id, buildImage(newer).configDigest);
  assert.deepEqual(engine.images.get(configDigest).repoTags, []);
});

test('load() keeps the manifest of an OCI layout: the image answers to its digest', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, ociArchive([SMALL]));
  const digest = sha256(ociManifest(buildImage(SMALL)));
  assert.equal(engine.images.get('small:1').manifestDigest, digest);
  assert.equal(engine.images.get(`small@${digest}`).id, buildImage(SMALL).configDigest);
  assert.equal(engine.images.find(`large@${digest}`), undefined);
});

test('load() takes an image of another platform when it is the only one, and says which', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  await load(engine, dockerArchive([{ ...SMALL, architecture: OTHER_ARCHITECTURE }]));
  assert.deepEqual(engine.images.get('small:1').platform, { os: 'linux', architecture: OTHER_ARCHITECTURE });
});

test('load() follows links between layers, as older archives have them', { skip }, async () => {
  await using engine = startImageEngine();
  const built = buildImage({ ...SMALL, layers: [[{ path: 'f', content: 'x' }]] });
  const [blob] = built.blobs;
  assert.ok(blob);
  const manifest = [{ Config: 'c.json', RepoTags: ['linked:1'], Layers: ['two/layer.tar'] }];
  const archive = tarOf([
    { path: 'two/layer.tar', type: 'symlink', linkPath: '../one/layer.tar' },
    { path: './manifest.json', content: JSON.stringify(manifest) },
    { path: 'one/layer.tar', content: blob.bytes },
    { path: 'c.json', content: built.configJson },
  ]);
  assert.deepEqual(await load(engine, archive), ['Loaded image: linked:1']);
});

test('load() takes an archive of Docker before 1.10', { skip }, async () => {
  await using engine = startImageEngine();
  const ids = ['a', 'b'].map(digit => digit.repeat(64));
  const layers = SMALL.layers.map(entries => (Buffer.isBuffer(entries) ? entries : tarOf(entries)));
  const archive = tarOf([
    { path: 'repositories', content: JSON.stringify({ old: { '1': ids[1], also: ids[1] } }) },
    ...ids.flatMap((id, index) => [
      {
        path: `${id}/json`,
        content: JSON.stringify({
          id,
          ...(index === 0 ? {} : { parent: ids[0] }),
          created: '2015-01-02T03:04:05Z',
          architecture: 'amd64',
          os: 'linux',
          container_config: { Cmd: ['/bin/sh', '-c', `step ${index}`] },
          config: { Cmd: ['/old'], Env: null },
        }),
      },
      { path: `${id}/layer.tar`, content: layers[index] ?? '' },
    ]),
  ]);
  assert.deepEqual(await load(engine, archive), ['Loaded image: old:1', 'Loaded image: old:also']);
  const image = engine.images.get('old:1');
  assert.deepEqual(image.diffIds, built.diffIds);
  assert.deepEqual(image.config.Cmd, ['/old']);
  assert.deepEqual(
    image.history.map(({ createdBy }) => createdBy),
    ['/bin/sh -c step 0', '/bin/sh -c step 1'],
  );
  mounted(engine, 'old:1', root => assert.equal(readFileSync(join(root, 'etc/a'), 'utf8'), 'upper'));

  const looped = tarOf([
    { path: 'repositories', content: JSON.stringify({ x: { '1': ids[0] } }) },
    { path: `${ids[0]}/json`, content: JSON.stringify({ parent: ids[0] }) },
  ]);
  await assert.rejects(load(engine, looped), { kind: 'invalid', message: /max depth/ });
});

test('images outlive a restart', { skip }, async () => {
  await using first = startImageEngine();
  await load(first, ociArchive([SMALL]));
  const before = first.images.get('small:1');
  await using second = first.restart();
  second.images.sweep();
  assert.deepEqual(second.images.get('small:1'), before);
  assert.deepEqual(await filesOf(second), { ...NOTHING, blobs: 2, snapshots: 2 });
  mounted(second, 'small:1', root => assert.equal(readFileSync(join(root, 'etc/a'), 'utf8'), 'upper'));
});

test('directories that a layer does not describe look as in the layers below', { skip }, async () => {
  await using engine = startImageEngine();
  const low = [
    { path: './', type: 'directory', mode: 0o711 },
    { path: 'tmp/', type: 'directory', mode: 0o1777, mtimeSeconds: 5 },
    { path: 'srv/', type: 'directory', mode: 0o700, uid: 33, gid: 34 },
    { path: 'srv/deep/', type: 'directory', mode: 0o750 },
    { path: 'gone/', type: 'directory', mode: 0o700 },
    { path: 'opaque/in/', type: 'directory', mode: 0o700 },
    { path: 'swapped/', type: 'directory', mode: 0o700 },
  ] as const;
  const middle = [
    { path: './', type: 'directory', mode: 0o711 },
    { path: '.wh.gone' },
    { path: 'opaque/.wh..wh..opq' },
    { path: 'swapped', type: 'symlink', linkPath: '/etc' },
  ] as const;
  const high = ['tmp/f', 'srv/deep/f', 'gone/f', 'opaque/in/f', 'swapped/f', 'new/f'].map(path => ({
    path,
    content: 'x',
  }));
  await load(engine, dockerArchive([{ tags: ['sparse:1'], layers: [low, middle, high] }]));
  mounted(engine, 'sparse:1', root => {
    const look = (path: string) => {
      const { mode, uid, gid } = lstatSync(join(root, path));
      return [(mode & 0o7777).toString(8), uid, gid];
    };
    assert.deepEqual(look(''), ['711', 0, 0]);
    assert.deepEqual(look('tmp'), ['1777', 0, 0]);
    assert.deepEqual(look('srv'), ['700', 33, 34]);
    assert.deepEqual(look('srv/deep'), ['750', 0, 0]);
    for (const path of ['gone', 'opaque/in', 'swapped', 'new'])
      assert.deepEqual(look(path), ['755', 0, 0], path);
  });
});

test('an archive that is cut anywhere leaves nothing', { skip }, async () => {
  await using engine = startImageEngine();
  const archive = dockerArchive([SMALL]);
  // Without the end marker and what fills up the last block nothing is missing.
  for (let length = 0; length < archive.length - 1024 - 512; length += 700) {
    await assert.rejects(load(engine, archive.subarray(0, length)), { kind: 'invalid' }, `cut at ${length}`);
  }
  assert.deepEqual(await filesOf(engine), NOTHING);
  assert.deepEqual(engine.images.list(), []);
});

test('a client that goes away in the middle leaves nothing', { skip }, async () => {
  await using engine = startImageEngine();
  const archive = dockerArchive([SMALL]);
  async function* broken(): AsyncGenerator<Buffer> {
    yield archive.subarray(0, 3000);
    await Promise.resolve();
    throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
  }
  await assert.rejects(
    engine.images.load(Readable.from(broken()), () => undefined),
    { code: 'ECONNRESET' },
  );
  const abort = new AbortController();
  async function* slow(): AsyncGenerator<Buffer> {
    yield archive.subarray(0, 3000);
    abort.abort();
    await Promise.resolve();
    yield archive.subarray(3000);
  }
  const options = { signal: abort.signal };
  await assert.rejects(
    engine.images.load(Readable.from(slow()), () => undefined, options),
    { kind: 'cancelled' },
  );
  assert.deepEqual(await filesOf(engine), NOTHING);
});

const built = buildImage(SMALL);
const [lower, upper] = built.blobs;
const manifestOf = (layers: readonly string[], config = 'c.json'): object[] => [
  { Config: config, RepoTags: ['x:1'], Layers: layers },
];
const archiveOf = (manifest: unknown, ...files: { path: string; content: Buffer | string }[]): Buffer =>
  tarOf([{ path: 'manifest.json', content: JSON.stringify(manifest) }, ...files]);
const config = { path: 'c.json', content: built.configJson };
const layer = (path: string, content: Buffer | string | undefined) => ({ path, content: content ?? '' });
const bigJson = Buffer.alloc(5 * 1024 * 1024, ' ');

function ociWith(
  change: (parts: { manifest: Record<string, unknown>; blobs: Map<string, Buffer> }) => void,
  descriptorChange: object = {},
): Buffer {
  const blobs = new Map(built.blobs.map(({ digest, bytes }) => [digest as string, bytes]));
  blobs.set(built.configDigest, built.configJson);
  const manifest = JSON.parse(ociManifest(built).toString()) as Record<string, unknown>; // made above
  change({ manifest, blobs });
  const bytes = Buffer.from(JSON.stringify(manifest));
  blobs.set(sha256(bytes), bytes);
  return layoutTar(blobs, {
    schemaVersion: 2,
    manifests: [{ ...descriptor('application/vnd.oci.image.manifest.v1+json', bytes), ...descriptorChange }],
  });
}

const HOSTILE: readonly (readonly [string, () => Buffer, RegExp])[] = [
  [
    'without a manifest',
    () => tarOf([{ path: 'etc/passwd', content: 'x' }]),
    /no manifest\.json .*docker import/,
  ],
  [
    'whose manifest is not JSON',
    () => tarOf([{ path: 'manifest.json', content: '{' }]),
    /manifest\.json is not JSON/,
  ],
  [
    'whose manifest has the wrong shape',
    () => archiveOf([{ Config: 1 }]),
    /manifest\.json is invalid at 0\.Config/,
  ],
  ['whose manifest is huge', () => tarOf([{ path: 'manifest.json', content: bigJson }]), /larger than/],
  [
    'whose configuration is huge',
    () => archiveOf(manifestOf([]), { path: 'c.json', content: bigJson }),
    /larger than/,
  ],
  ['whose configuration is missing', () => archiveOf(manifestOf([])), /has no file c\.json/],
  [
    'whose configuration is no object',
    () => archiveOf(manifestOf([]), { path: 'c.json', content: '[]' }),
    /configuration is invalid/,
  ],
  ['whose layer is missing', () => archiveOf(manifestOf(['l']), config), /has no file l/],
  [
    'with too few layers',
    () => archiveOf(manifestOf(['l']), config, layer('l', lower?.bytes)),
    /length mismatch: expected 2, got 1/,
  ],
  [
    'with swapped layers',
    () => archiveOf(manifestOf(['a', 'b']), config, layer('a', upper?.bytes), layer('b', lower?.bytes)),
    /invalid diffID for layer [01]/,
  ],
  [
    'whose layer is no tar',
    () => archiveOf(manifestOf(['a', 'b']), config, layer('a', 'x'.repeat(2000)), layer('b', upper?.bytes)),
    /invalid tar archive/,
  ],
  ['whose configuration is outside', () => archiveOf(manifestOf([], '/etc/hostname')), /has no file/],
  [
    'whose configuration leads out by ..',
    () => archiveOf(manifestOf([], '../../../../etc/hostname')),
    /has no file/,
  ],
  [
    'whose layer is a link out',
    () =>
      tarOf([
        { path: 'manifest.json', content: JSON.stringify(manifestOf(['l'])) },
        config,
        { path: 'l', type: 'symlink', linkPath: '/etc/hostname' },
      ]),
    /has no file l/,
  ],
  [
    'whose layer links to itself',
    () =>
      tarOf([
        { path: 'manifest.json', content: JSON.stringify(manifestOf(['l'])) },
        config,
        { path: 'l', type: 'symlink', linkPath: 'l' },
      ]),
    /has no file l/,
  ],
  [
    'with a bad name',
    () => archiveOf([{ Config: 'c.json', RepoTags: ['Bad:1'], Layers: [] }], config),
    /must be lowercase/,
  ],
  [
    'with a name by digest',
    () => archiveOf([{ Config: 'c.json', RepoTags: [`x@${sha256('')}`], Layers: [] }], config),
    /invalid tag/,
  ],
  [
    'whose manifest is an index too',
    () => ociWith(({ manifest }) => void (manifest['manifests'] = [])),
    /ambiguous/,
  ],
  [
    'announced as something else',
    () => ociWith(() => undefined, { mediaType: 'application/vnd.oci.image.index.v1+json' }),
    /announced as/,
  ],
  ['of the wrong size', () => ociWith(() => undefined, { size: 3 }), /invalid archive: blob/],
  [
    'with a forged blob',
    () => ociWith(({ blobs }) => void blobs.set(lower?.digest ?? '', Buffer.from('x'))),
    /invalid archive: blob/,
  ],
  [
    'without one of its blobs',
    () => ociWith(({ blobs }) => void blobs.delete(lower?.digest ?? '')),
    /has no file blobs/,
  ],
  ['compressed with xz', () => Buffer.from('fd377a585a0000ffffff', 'hex'), /xz are not supported/],
  [
    'with a broken gzip stream',
    () => gzipSync(dockerArchive([SMALL])).subarray(0, 100),
    /cannot decompress|unexpected end/,
  ],
];

for (const [what, make, message] of HOSTILE) {
  test(`load() refuses an archive ${what}, and leaves nothing`, { skip }, async () => {
    await using engine = startImageEngine();
    await assert.rejects(load(engine, make()), { kind: 'invalid', message });
    assert.deepEqual(await filesOf(engine), NOTHING);
    assert.deepEqual(engine.images.list(), []);
    assert.deepEqual(engine.events, []);
  });
}

test('a bad blob cannot hide behind a layer that is there already', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, dockerArchive([SMALL]));
  const before = await filesOf(engine);
  const poisoned = JSON.parse(built.configJson.toString()) as Record<string, unknown>; // made above
  poisoned['author'] = 'mallory';
  const archive = archiveOf(
    manifestOf(['a', 'b']),
    { path: 'c.json', content: JSON.stringify(poisoned) },
    layer('a', gzipSync(Buffer.from('not the layer'))),
    layer('b', upper?.bytes),
  );
  await assert.rejects(load(engine, archive), { kind: 'invalid', message: /invalid diffID for layer 0/ });
  assert.deepEqual(await filesOf(engine), before);
});

test('the blobs of an image are kept as they came', { skip }, async () => {
  await using engine = startImageEngine();
  const zipped: TestImage = { ...SMALL, compress: 'gzip' };
  await load(engine, ociArchive([zipped]));
  for (const { digest, bytes } of buildImage(zipped).blobs) {
    assert.deepEqual(await engine.content.read(digest, { maxBytes: 1 << 20 }), bytes);
  }
  assert.ok(blobPath(built.configDigest).startsWith('blobs/sha256/'));
});
