import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { Database } from '#store/database';
import { linuxMounts } from '#sys/mount';
import { fakeLayerJail } from './fake-layer-jail.ts';
import { OverlaySnapshotter } from './overlay-snapshotter.ts';
import { snapshotMigrations } from './snapshot-table.ts';
import { layerSource, type SnapshotterUnderTest, snapshotterSuite } from './snapshotter.suite.ts';

function overlay(): SnapshotterUnderTest & { readonly snapshots: OverlaySnapshotter; readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), 'quai-snapshot-'));
  const db = new Database(':memory:');
  db.migrate(snapshotMigrations, silentLogger);
  const jail = fakeLayerJail();
  const open = () =>
    new OverlaySnapshotter({
      db,
      root: join(root, 'snapshots'),
      jail,
      mounts: linuxMounts,
      format: 'directory',
      logger: silentLogger,
    });
  const snapshots = open();
  return {
    root: join(root, 'snapshots'),
    snapshots,
    settled: () => snapshots.settled(),
    unpacking: () => readdirSync(join(root, 'snapshots', 'new')),
    reopen: open,
    [Symbol.asyncDispose]: async () => {
      await snapshots.settled();
      db[Symbol.dispose]();
      rmSync(root, { recursive: true });
    },
  };
}

snapshotterSuite('overlay', overlay);

test('overlay: mounts() names the layers uppermost first, and escapes what separates', async () => {
  await using subject = overlay();
  const { snapshots, root } = subject;
  await snapshots.ensureLayer('low', undefined, layerSource([{ path: 'f' }]));
  await snapshots.ensureLayer('high', 'low', layerSource([{ path: 'f' }]));
  snapshots.prepare('c1', 'high');
  assert.deepEqual(snapshots.mounts('c1'), {
    type: 'overlay',
    source: 'overlay',
    options: [
      'index=off',
      'metacopy=off',
      'redirect_dir=off',
      `lowerdir=${root}/2/fs:${root}/1/fs`,
      `upperdir=${root}/3/fs`,
      `workdir=${root}/3/work`,
    ],
  });
  assert.deepEqual(snapshots.viewMounts('low'), {
    type: 'bind',
    source: `${root}/1/fs`,
    options: ['rbind', 'ro'],
  });
  assert.ok(snapshots.viewMounts('high').options.includes('ro'));
  snapshots.prepare('scratch', undefined);
  assert.deepEqual(snapshots.mounts('scratch'), {
    type: 'bind',
    source: `${root}/4/fs`,
    options: ['rbind', 'rw'],
  });
});

test('overlay: the root of a container looks as that of its uppermost layer', async () => {
  await using subject = overlay();
  const { snapshots } = subject;
  await snapshots.ensureLayer('a', undefined, layerSource([{ path: 'f' }]));
  chmodSync(snapshots.layerDirectories('a')[0] ?? '', 0o1751);
  snapshots.prepare('c1', 'a');
  assert.equal(statSync(snapshots.directories('c1').upper).mode & 0o7777, 0o1751);
});

test('overlay: directories of a crash are swept: half-unpacked, published without a row, half-removed', async () => {
  await using subject = overlay();
  const { root } = subject;
  for (const path of ['new/7/fs', '8/fs', 'trash/x/fs']) {
    mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, path, 'f'), '');
  }
  const snapshots = subject.reopen();
  snapshots.prepare('c1', undefined);
  assert.equal(snapshots.directories('c1').upper, join(root, '9/fs'));
  await snapshots.sweep(() => true);
  assert.deepEqual(readdirSync(root).toSorted(), ['9', 'new', 'trash']);
  assert.deepEqual(readdirSync(join(root, 'new')), []);
  assert.deepEqual(readdirSync(join(root, 'trash')), []);
});

test('overlay: a row whose files are gone says so', async () => {
  await using subject = overlay();
  const { snapshots, root } = subject;
  snapshots.prepare('c1', undefined);
  rmSync(join(root, '1'), { recursive: true });
  assert.throws(() => snapshots.mounts('c1'), { kind: 'dataLoss' });
  assert.ok(!existsSync(join(root, '1')));
});

test('overlay: its directory is closed to other users', async () => {
  await using subject = overlay();
  assert.equal(statSync(subject.root).mode & 0o777, 0o700);
});
