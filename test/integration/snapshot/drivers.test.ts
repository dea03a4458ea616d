import assert from 'node:assert/strict';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { mountIndex } from '#snapshot/erofs-layers';
import { erofsMissing } from '#snapshot/erofs-probe';
import type { LayerFormatName } from '#snapshot/layer-format';
import { OverlaySnapshotter } from '#snapshot/overlay-snapshotter';
import { snapshotMigrations } from '#snapshot/snapshot-table';
import { layerSource, type SnapshotterUnderTest, snapshotterSuite } from '#snapshot/snapshotter.suite';
import { Database } from '#store/database';
import { JailPool } from '#store/jail-pool';
import { linuxMounts, listMountsBelow } from '#sys/mount';
import { rootMissing } from '../../support/image-engine.ts';

const skip = rootMissing();

interface Subject extends SnapshotterUnderTest {
  readonly snapshots: OverlaySnapshotter;
  readonly root: string;
  reopen(format?: LayerFormatName): OverlaySnapshotter;
}

function driver(format: LayerFormatName, name = 'quai-snapshots-'): Subject {
  const root = mkdtempSync(join(tmpdir(), name));
  const db = new Database(':memory:');
  db.migrate(snapshotMigrations, silentLogger);
  const jail = new JailPool();
  const deps = { db, jail, mounts: linuxMounts, logger: silentLogger, root: join(root, 'snapshots') };
  const snapshots = new OverlaySnapshotter({ ...deps, format });
  return {
    root: join(root, 'snapshots'),
    snapshots,
    settled: () => snapshots.settled(),
    unpacking: () => readdirSync(join(root, 'snapshots', 'new')),
    reopen: (other = format) => new OverlaySnapshotter({ ...deps, format: other }),
    [Symbol.asyncDispose]: async () => {
      await snapshots.settled();
      await jail[Symbol.asyncDispose]();
      snapshots[Symbol.dispose]();
      db[Symbol.dispose]();
      assert.deepEqual(listMountsBelow(root), []);
      rmSync(root, { recursive: true });
    },
  };
}

snapshotterSuite('directories, by threads', () => driver('directory'), { skip });
snapshotterSuite('erofs', () => driver('erofs'), { skip });

test('erofs: a layer is its tar and an index, and a plain blob is its tar', { skip }, async () => {
  await using subject = driver('erofs');
  const { snapshots, root } = subject;
  const plain = layerSource([{ path: 'f', content: 'x' }], { isPlain: true });
  await snapshots.ensureLayer('a', undefined, plain);
  assert.deepEqual(readdirSync(join(root, '1')).toSorted(), ['fs', 'layer.erofs', 'layer.tar']);
  assert.deepEqual(readdirSync(join(root, 'new')), []);
});

test('erofs: the root may have a comma in its name', { skip }, async () => {
  await using subject = driver('erofs', 'quai,snap:shots-');
  const { snapshots } = subject;
  await snapshots.ensureLayer('a', undefined, layerSource([{ path: 'f', content: 'x' }]));
  const [directory = ''] = snapshots.layerDirectories('a');
  assert.deepEqual(readdirSync(directory), ['f']);
});

/** Mounts an active snapshot, and looks. */
function inside<T>(
  { root, snapshots }: Pick<Subject, 'root' | 'snapshots'>,
  key: string,
  look: (at: string) => T,
): T {
  const target = join(root, 'new', 'view');
  mkdirSync(target, { recursive: true });
  linuxMounts.mount(target, snapshots.mounts(key));
  try {
    return look(target);
  } finally {
    linuxMounts.unmount(target);
    rmdirSync(target);
  }
}

test('an image may have as many layers as can be read with a container’s own on top, and the next one is too much', {
  skip,
}, async () => {
  await using subject = driver('directory');
  const { snapshots } = subject;
  const most = 499;
  const source = layerSource([{ path: 'f', content: 'x' }]);
  for (let layer = 1; layer <= most + 1; layer += 1)
    await snapshots.ensureLayer(`l${layer}`, layer === 1 ? undefined : `l${layer - 1}`, source);
  snapshots.prepare('c1', `l${most}`);
  const target = join(subject.root, 'new', 'view');
  mkdirSync(target);
  for (const spec of [
    snapshots.mounts('c1'),
    snapshots.readOnlyMounts('c1'),
    snapshots.viewMounts(`l${most + 1}`),
  ]) {
    linuxMounts.mount(target, spec);
    try {
      assert.deepEqual(readdirSync(target), ['f']);
    } finally {
      linuxMounts.unmount(target);
    }
  }
  rmdirSync(target);
  assert.throws(() => snapshots.prepare('c2', `l${most + 1}`), {
    kind: 'invalid',
    message:
      'max depth exceeded: the image has 500 layers, a container can have 499 below its own; "quai image squash" makes fewer of them',
  });
});

test('a stack may mix layers of both formats, whichever is the one for new layers', { skip }, async () => {
  await using subject = driver('directory');
  const { snapshots, root } = subject;
  const low = [
    { path: 'tmp/', type: 'directory' as const, mode: 0o1777 },
    { path: 'tmp/low', content: 'low' },
  ];
  await snapshots.ensureLayer('low', undefined, layerSource(low));
  const erofs = subject.reopen('erofs');
  await erofs.ensureLayer('middle', 'low', layerSource([{ path: 'tmp/middle' }, { path: 'tmp/.wh.low' }]));
  const directories = subject.reopen('directory');
  await directories.ensureLayer('high', 'middle', layerSource([{ path: 'tmp/high' }]));
  assert.deepEqual([snapshots.driver, erofs.driver], ['overlay2', 'erofs']);
  directories.prepare('c1', 'high');
  inside({ root, snapshots: directories }, 'c1', at => {
    assert.deepEqual(readdirSync(join(at, 'tmp')).toSorted(), ['high', 'middle']);
    // Two layers went through it without describing it.
    assert.equal(statSync(join(at, 'tmp')).mode & 0o7777, 0o1777);
  });
});

test('erofs: what runs on a layer keeps it when its mount goes, and a start after that mounts it again', {
  skip,
}, async () => {
  await using subject = driver('erofs');
  const { snapshots } = subject;
  const content = 'x'.repeat(300_000);
  await snapshots.ensureLayer(
    'a',
    undefined,
    layerSource([
      { path: 'f', content },
      { path: 'g', content },
    ]),
  );
  await snapshots.ensureLayer('b', 'a', layerSource([{ path: 'h', content }]));
  snapshots.prepare('c1', 'b');
  inside(subject, 'c1', at => {
    snapshots[Symbol.dispose]();
    assert.deepEqual(
      listMountsBelow(subject.root).map(({ type }) => type),
      ['overlay'],
    );
    assert.equal(readFileSync(join(at, 'f'), 'utf8'), content);
    writeFileSync(join(at, 'g'), 'copied up');
    assert.equal(readFileSync(join(at, 'h'), 'utf8'), content);
  });
  const next = subject.reopen();
  inside({ root: subject.root, snapshots: next }, 'c1', at => {
    assert.deepEqual(
      ['f', 'g', 'h'].map(name => readFileSync(join(at, name), 'utf8').length),
      [content.length, 9, content.length],
    );
  });
});

test('erofs: a layer is removed in a blink however many files it has, also while something runs on it', {
  skip,
}, async () => {
  await using subject = driver('erofs');
  const { snapshots, root } = subject;
  const files = Array.from({ length: 20_000 }, (_, index) => ({
    path: `d${index % 200}/f${index}`,
    content: 'x',
  }));
  await snapshots.ensureLayer('a', undefined, layerSource(files));
  assert.equal(readdirSync(snapshots.layerDirectories('a')[0] ?? '').length, 200);
  assert.deepEqual(await snapshots.usage('a'), { sizeBytes: 20_000, inodes: 20_200 });
  snapshots.remove('a');
  await subject.settled();
  assert.deepEqual(readdirSync(root).toSorted(), ['new', 'trash']);
  assert.deepEqual(listMountsBelow(root), []);
});

test('erofs: a layer that a crash left without a row goes, mounted or not', { skip }, async () => {
  await using subject = driver('erofs');
  const { snapshots, root } = subject;
  await snapshots.ensureLayer('a', undefined, layerSource([{ path: 'f' }]));
  const [mounted = ''] = snapshots.layerDirectories('a');
  cpSync(join(root, '1/layer.tar'), join(root, '7/layer.tar'));
  cpSync(join(root, '1/layer.erofs'), join(root, '7/layer.erofs'));
  mkdirSync(join(root, '7/fs'));
  mountIndex(linuxMounts, join(root, '7'), join(root, '7/fs'));
  const next = subject.reopen();
  await next.sweep(() => true);
  assert.deepEqual(readdirSync(root).toSorted(), ['1', 'new', 'trash']);
  assert.deepEqual(readdirSync(mounted), ['f']);
});

test('erofs: damaged or missing files of a layer are told, not shown', { skip }, async () => {
  await using subject = driver('erofs');
  const { snapshots, root } = subject;
  await snapshots.ensureLayer('a', undefined, layerSource([{ path: 'f' }]));
  truncateSync(join(root, '1/layer.erofs'), 0);
  assert.throws(() => snapshots.layerDirectories('a'), {
    kind: 'unavailable',
    message: /cannot mount layer 1/,
  });
  rmSync(join(root, '1/layer.erofs'));
  assert.throws(() => snapshots.layerDirectories('a'), { kind: 'dataLoss' });
});

test('the trial mount works here or says why, and leaves nothing', { skip }, () => {
  const root = mkdtempSync(join(tmpdir(), 'quai-probe-'));
  try {
    assert.equal(erofsMissing(root, linuxMounts), undefined);
    const refusing = { ...linuxMounts, mount: () => assert.fail('no such file system') };
    assert.equal(erofsMissing(root, refusing), 'no such file system');
    assert.deepEqual(readdirSync(root), []);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('what a container wrote can be mounted to be read only, also beside its mount to be written to', {
  skip,
}, async () => {
  for (const format of ['directory', 'erofs'] as const) {
    await using subject = driver(format);
    const { snapshots, root } = subject;
    await snapshots.ensureLayer('a', undefined, layerSource([{ path: 'f', content: 'x' }, { path: 'gone' }]));
    snapshots.prepare('c1', 'a');
    snapshots.prepare('empty', undefined);
    inside(subject, 'c1', at => {
      writeFileSync(join(at, 'new'), 'new');
      rmSync(join(at, 'gone'));
      for (const [key, names] of [
        ['c1', ['f', 'new']],
        ['empty', []],
      ] as const) {
        const target = join(root, 'new', 'read');
        mkdirSync(target, { recursive: true });
        linuxMounts.mount(target, snapshots.readOnlyMounts(key));
        try {
          assert.deepEqual(readdirSync(target).toSorted(), names);
          assert.throws(() => writeFileSync(join(target, 'x'), ''), { code: 'EROFS' });
        } finally {
          linuxMounts.unmount(target);
          rmdirSync(target);
        }
      }
    });
  }
});
