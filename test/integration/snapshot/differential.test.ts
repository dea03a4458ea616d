import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isKind, messageOf } from '#base/errors';
import type { Digest } from '#base/ids';
import { silentLogger } from '#base/logger';
import type { LayerFormatName } from '#snapshot/layer-format';
import { OverlaySnapshotter } from '#snapshot/overlay-snapshotter';
import { snapshotMigrations } from '#snapshot/snapshot-table';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { Database } from '#store/database';
import { JailPool } from '#store/jail-pool';
import { linuxMounts, listMountsBelow } from '#sys/mount';
import { rootMissing } from '../../support/image-engine.ts';
import { dockerLayer, LAYER_TOOLS, makeRichTree } from '../../support/layer-tools.ts';
import { randomLayers, tangledLayers } from '../../support/random-layers.ts';
import { describeTree, type FileDescription } from '../../support/tree-description.ts';

const skip = rootMissing();
const since = Math.floor(Date.now() / 1000) - 1;
let base = '';
let jail: JailPool;

before(() => {
  base = mkdtempSync(join(tmpdir(), 'quai-differential-'));
  jail = new JailPool();
});
after(async () => {
  await jail[Symbol.asyncDispose]();
  assert.deepEqual(listMountsBelow(base), []);
  rmSync(base, { recursive: true });
});

interface Outcome {
  /** the whole stack as overlayfs shows it */
  readonly stacked: readonly FileDescription[];
  /** each layer by itself, with whiteouts as they are kept */
  readonly layers: readonly (readonly FileDescription[])[];
}

const sha256 = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Takes layers in, lowest first, and looks at them. */
async function take(
  format: LayerFormatName,
  archives: readonly Buffer[],
): Promise<Outcome | { readonly refused: string }> {
  const root = mkdtempSync(join(base, `${format}-`));
  const db = new Database(':memory:');
  db.migrate(snapshotMigrations, silentLogger);
  const deps = { db, jail, mounts: linuxMounts, logger: silentLogger, root: join(root, 'snapshots') };
  using snapshots = new OverlaySnapshotter({ ...deps, format });
  const view = join(root, 'view');
  mkdirSync(view);
  try {
    let parent: string | undefined;
    for (const [index, bytes] of archives.entries()) {
      const archive = join(root, `archive-${index}`);
      writeFileSync(archive, bytes);
      const { diffId } = await jail.measure(archive);
      const blob = { digest: sha256(bytes), sizeBytes: bytes.length };
      const name = `layer-${index}`;
      await snapshots.ensureLayer(name, parent, { archive, diffId, blob });
      parent = name;
    }
    linuxMounts.mount(view, snapshots.viewMounts(parent ?? ''));
    return {
      stacked: describeTree(view, { since }),
      layers: snapshots.layerDirectories(parent ?? '').map(directory => describeTree(directory, { since })),
    };
  } catch (error) {
    assert.ok(isKind(error, 'invalid'), messageOf(error));
    return { refused: messageOf(error) };
  } finally {
    linuxMounts.unmount(view);
    await snapshots.settled();
    snapshots[Symbol.dispose]();
    rmSync(root, { recursive: true });
  }
}

/** Both drivers show the same. @returns what they show, or `undefined` when both refuse. */
async function same(archives: readonly Buffer[]): Promise<Outcome | undefined> {
  const directory = await take('directory', archives);
  const erofs = await take('erofs', archives);
  if ('refused' in directory || 'refused' in erofs) {
    assert.ok(
      'refused' in directory && 'refused' in erofs,
      JSON.stringify({ directory, erofs }).slice(0, 500),
    );
    return undefined;
  }
  assert.deepEqual(erofs.layers, directory.layers);
  assert.deepEqual(erofs.stacked, directory.stacked);
  return erofs;
}

for (const tool of LAYER_TOOLS) {
  test(`both drivers show the same of a layer made by ${tool.name}`, {
    skip: skip || tool.skip,
  }, async () => {
    const scratch = mkdtempSync(join(base, 'scratch-'));
    const tree = join(scratch, 'tree');
    mkdirSync(tree);
    makeRichTree(tree);
    const seen = await same([tool.pack(tree, scratch)]);
    const paths = new Map(seen?.stacked.map(file => [file.path, file]));
    assert.ok(paths.size > 1500 && paths.size < 1700, `${paths.size}`);
    assert.equal(paths.get('./bin/sudo')?.names, '3 as ./bin/su');
    assert.equal(paths.get('./bin/su')?.mode, '6755');
    assert.equal(paths.get('./bin/su')?.owner, '10:4000000');
    assert.equal(paths.get('./var/log/lastlog')?.size, 3_000_000);
    assert.equal(paths.get('./caf\xe9\xff')?.type, 'file');
  });
}

test('both drivers show the same of what Docker writes down of deletions and replacements', {
  skip,
}, async () => {
  const seen = await same([dockerLayer('files'), dockerLayer('changes')]);
  const paths = new Map(seen?.stacked.map(file => [file.path, file]));
  for (const gone of ['./big', './bin/sudo', './etc/size-0', './deep/level-0', './var/log/lastlog'])
    assert.equal(paths.has(gone), false, gone);
  for (const [path, type] of Object.entries({
    './deep/new': 'file',
    './fifo': 'directory',
    './moved': 'file',
    './var/log': 'file',
  }))
    assert.equal(paths.get(path)?.type, type, path);
  assert.equal(paths.get('./tmp')?.mode, '700');
});

/** `QUAI_TEST_ROUNDS=5000` for longer. */
const ROUNDS = Number(process.env['QUAI_TEST_ROUNDS'] ?? 60);

test('both drivers show the same of generated layers, and refuse the same', { skip }, async () => {
  const seen = { taken: 0, refused: 0 };
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    try {
      if (await same(randomLayers(seed))) seen.taken += 1;
      else seen.refused += 1;
    } catch (error) {
      throw new Error(`seed ${seed}: ${messageOf(error)}`, { cause: error });
    }
  }
  assert.ok(seen.taken > ROUNDS / 4 && seen.refused > 0, JSON.stringify(seen));
});

test('both drivers show the same, and refuse the same, of layers whose names lead through their own links', {
  skip,
}, async () => {
  let taken = 0;
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    try {
      if (await same(tangledLayers(seed))) taken += 1;
    } catch (error) {
      throw new Error(`seed ${seed}: ${messageOf(error)}`, { cause: error });
    }
  }
  assert.ok(taken > ROUNDS / 6, String(taken));
});

const link = (path: string, linkPath: string) => tarEntry({ path, type: 'symlink', linkPath });
const directory = (path: string, mode = 0o755) => tarEntry({ path, type: 'directory', mode });

test('a directory that a link of the layer leads to becomes opaque, not the link', { skip }, async () => {
  const lower = [tarEntry({ path: 'd/old' }, 'x')];
  const upper = [
    directory('d/'),
    link('l', 'd'),
    tarEntry({ path: 'l/.wh..wh..opq' }),
    tarEntry({ path: 'd/new' }),
  ];
  const seen = await same([lower, upper].map(entries => Buffer.concat([...entries, TAR_END])));
  const names = seen?.stacked.map(({ path }) => path);
  assert.deepEqual(names, ['.', './d', './d/new', './l']);
});

test('a directory below a link that was not described looks as it does in the layers below', {
  skip,
}, async () => {
  const lower = [directory('var/'), directory('var/tmp/', 0o1777)];
  const upper = [directory('var/'), link('l', 'var'), tarEntry({ path: 'l/tmp/new' })];
  const seen = await same([lower, upper].map(entries => Buffer.concat([...entries, TAR_END])));
  assert.equal(seen?.stacked.find(({ path }) => path === './var/tmp')?.mode, '1777');
});

test('a directory takes the place of a link to one, also when that was gone through', { skip }, async () => {
  const entries = [directory('d/'), link('l', 'd'), tarEntry({ path: 'l/x' }), directory('l/', 0o700)];
  const seen = await same([Buffer.concat([...entries, TAR_END])]);
  assert.deepEqual(
    seen?.stacked.map(({ path, type, mode }) => `${path} ${type} ${mode}`),
    ['. directory 755', './d directory 755', './d/x file 644', './l directory 700'],
  );
});

for (const [what, entries] of [
  ['a file', [link('l', '.'), tarEntry({ path: 'l/l' })]],
  ['a directory', [link('l', '.'), directory('l/l/')]],
  ['a file, out of a directory', [directory('d/'), link('l', 'd/..'), tarEntry({ path: 'l/d' })]],
  [
    'a hard link',
    [link('a', '..'), link('b', 'c'), tarEntry({ path: 'a', type: 'hardlink', linkPath: 'a/b' })],
  ],
] as const) {
  test(`${what} in the place of what its name leads through is refused`, { skip }, async () => {
    assert.equal(await same([Buffer.concat([...entries, TAR_END])]), undefined);
  });
}
