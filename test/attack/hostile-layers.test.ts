import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { OverlaySnapshotter } from '#snapshot/overlay-snapshotter';
import { snapshotMigrations } from '#snapshot/snapshot-table';
import { layerSource } from '#snapshot/snapshotter.suite';
import type { TarEntryInit } from '#spec/tar/tar-writer';
import { Database } from '#store/database';
import { JailPool } from '#store/jail-pool';
import { linuxMounts, listMountsBelow } from '#sys/mount';
import { treeUsage } from '#sys/tree-usage';
import { rootMissing } from '../support/image-engine.ts';

const skip = rootMissing();

type Entry = TarEntryInit & { readonly content?: string };

/** Layers that try to reach `folder` on the host, with what is left of them. */
function attacks(
  folder: string,
): readonly (readonly [what: string, entries: readonly Entry[], outcome: 'refused' | string[]])[] {
  const canary = `${folder}/canary`;
  const up = '../../../../../../../../../../../..';
  return [
    ['a name with ..', [{ path: `${up}${canary}`, content: 'bad' }], 'refused'],
    ['a name with .. in the middle', [{ path: `a/${up}${canary}`, content: 'bad' }], 'refused'],
    ['an absolute name', [{ path: `${canary}`, content: 'inside' }], [canary.slice(1)]],
    [
      'a link out, and a file through it',
      [
        { path: 'l', type: 'symlink', linkPath: folder },
        { path: 'l/canary', content: 'bad' },
      ],
      'refused',
    ],
    [
      'a link up, and a file through it',
      [
        { path: 'l', type: 'symlink', linkPath: up },
        { path: 'l/canary', content: 'inside' },
      ],
      ['canary'],
    ],
    [
      'a folder that becomes a link',
      [
        { path: 'd/', type: 'directory' },
        { path: 'd/canary', content: 'x' },
        { path: 'd', type: 'symlink', linkPath: folder },
        { path: 'd/canary', content: 'bad' },
      ],
      'refused',
    ],
    [
      'a hard link to the host',
      [
        { path: 'h', type: 'hardlink', linkPath: canary },
        { path: 'h', content: 'bad' },
      ],
      'refused',
    ],
    [
      'a hard link through a link',
      [
        { path: 'l', type: 'symlink', linkPath: folder },
        { path: 'h', type: 'hardlink', linkPath: 'l/canary' },
      ],
      'refused',
    ],
    [
      'a hard link in place of what it links to',
      [
        { path: 'f', content: 'x' },
        { path: 'l', type: 'symlink', linkPath: '.' },
        { path: 'l/f', type: 'hardlink', linkPath: 'f' },
      ],
      'refused',
    ],
    [
      'a whiteout outside',
      [{ path: `l`, type: 'symlink', linkPath: folder }, { path: 'l/.wh.canary' }],
      'refused',
    ],
    ['a whiteout of what is above', [{ path: '.wh...' }], 'refused'],
    [
      'a disk, and a file in its place',
      [
        { path: 'disk', type: 'block', deviceMajor: 254, deviceMinor: 0 },
        { path: 'disk', content: 'a file' },
      ],
      ['disk'],
    ],
    [
      'a root that is a link',
      [
        { path: '.', type: 'symlink', linkPath: folder },
        { path: 'canary', content: 'bad' },
      ],
      'refused',
    ],
  ];
}

for (const format of ['directory', 'erofs'] as const) {
  test(`layers reach nothing outside, kept as ${format}`, { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quai-hostile-'));
    writeFileSync(join(folder, 'canary'), 'untouched');
    const before = lstatSync(join(folder, 'canary'));
    const root = join(folder, 'root');
    mkdirSync(root);
    const db = new Database(':memory:');
    db.migrate(snapshotMigrations, silentLogger);
    const jail = new JailPool();
    const deps = { db, jail, mounts: linuxMounts, logger: silentLogger, format };
    const snapshots = new OverlaySnapshotter({ ...deps, root });
    try {
      for (const [what, entries, outcome] of attacks(folder)) {
        const taking = snapshots.ensureLayer(what, undefined, layerSource(entries));
        if (outcome === 'refused') {
          await assert.rejects(taking, { kind: 'invalid' }, what);
          assert.equal(snapshots.hasCommitted(what), false);
        } else {
          await taking;
          const [directory = ''] = snapshots.layerDirectories(what);
          for (const name of outcome) assert.ok(lstatSync(join(directory, name)).isFile(), what);
        }
        assert.equal(readFileSync(join(folder, 'canary'), 'utf8'), 'untouched', what);
        const { ino, mode, nlink } = lstatSync(join(folder, 'canary'));
        assert.deepEqual([ino, mode, nlink], [before.ino, before.mode, 1], what);
        assert.deepEqual(readdirSync(folder).toSorted(), ['canary', 'root'], what);
      }
      await snapshots.settled();
      assert.deepEqual(readdirSync(join(root, 'new')), []);
    } finally {
      await snapshots.settled();
      await jail[Symbol.asyncDispose]();
      snapshots[Symbol.dispose]();
      db[Symbol.dispose]();
      assert.deepEqual(listMountsBelow(folder), []);
      rmSync(folder, { recursive: true });
    }
  });
}

test('an index takes the room that is left for nobody else, and leaves nothing', { skip }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'quai-full-'));
  await using jail = new JailPool();
  const { archive } = layerSource([{ path: 'f', content: 'x' }]);
  const input = { archive: { path: archive }, directory, reserveBytes: Number.MAX_SAFE_INTEGER };
  await assert.rejects(jail.index(input), { kind: 'unavailable', message: 'no space left on device' });
  rmSync(directory, { recursive: true });
});

test('a file of a terabyte of nothing takes no room in an index, and more is refused', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-sparse-'));
  await using jail = new JailPool();
  for (const [size, isRefused] of [
    [1024 ** 4 - 512, false],
    [1024 ** 4 + 1, true],
  ] as const) {
    const directory = mkdtempSync(join(folder, 'layer-'));
    const pax = (key: string, value: string): string => {
      const rest = ` GNU.sparse.${key}=${value}\n`;
      const length = rest.length + String(rest.length + 2).length;
      return `${length}${rest}`;
    };
    const records = [pax('map', `${size - 3},3`), pax('size', String(size)), pax('name', 'huge')].join('');
    const { archive } = layerSource(
      [
        { path: 'pax', type: 'pax', content: records },
        { path: 'f', content: 'end' },
      ],
      {
        isPlain: true,
      },
    );
    const indexing = jail.index({ archive: { path: archive }, directory });
    if (isRefused) {
      await assert.rejects(indexing, { kind: 'invalid' });
      continue;
    }
    await indexing;
    assert.ok(statSync(join(directory, 'layer.erofs')).size > size);
    assert.ok(statSync(join(directory, 'layer.erofs')).blocks * 512 < 100_000);
    assert.ok((treeUsage(directory)?.inodes ?? 0) < 5);
  }
  rmSync(folder, { recursive: true });
});
