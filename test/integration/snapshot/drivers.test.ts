import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
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
