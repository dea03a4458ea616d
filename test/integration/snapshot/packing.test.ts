import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { EngineError, isKind } from '#base/errors';
import type { Digest } from '#base/ids';
import { silentLogger } from '#base/logger';
import type { LayerPackingDeps } from '#snapshot/layer-packing';
import { OverlaySnapshotter } from '#snapshot/overlay-snapshotter';
import { snapshotMigrations } from '#snapshot/snapshot-table';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { Database } from '#store/database';
import { ErofsMaker, erofsProgram } from '#store/erofs-maker';
import { JailPool } from '#store/jail-pool';
import { ProgramJail } from '#store/program-jail';
import { tarBytesOf } from '#store/tar-place';
import { linuxMounts, listMountsBelow } from '#sys/mount';
import { rootMissing } from '../../support/image-engine.ts';
import { LAYER_TOOLS, makeRichTree } from '../../support/layer-tools.ts';
import { diskMissing, LoopDisk } from '../../support/loop-disk.ts';
import { randomLayers } from '../../support/random-layers.ts';
import { describeTree } from '../../support/tree-description.ts';

const program = erofsProgram() ?? '';
const CRUN = '/usr/bin/crun';
const isMissing = program === '' || !existsSync(CRUN);
const skip = rootMissing() || (isMissing ? 'mkfs.erofs or crun is not installed' : false);
const jails = mkdtempSync(join(tmpdir(), 'quai-jails-'));
after(() => rmSync(jails, { recursive: true }));
const maker = new ErofsMaker({ program, jail: new ProgramJail({ crun: CRUN, folder: jails }) });
const since = Math.floor(Date.now() / 1000) - 1;
const sha256 = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const make: LayerPackingDeps['make'] = job => maker.make(job);
const WORDS = 'words that are worth packing '.repeat(20_000);
const TAR = Buffer.concat([
  tarEntry({ path: 'bin/', type: 'directory' }),
  tarEntry({ path: 'bin/words', mode: 0o4755, uid: 7, gid: 8, mtimeSeconds: 981_173_045 }, WORDS),
  tarEntry({ path: 'bin/more', type: 'hardlink', linkPath: 'bin/words' }),
  tarEntry({ path: 'link', type: 'symlink', linkPath: '../../etc/passwd' }),
  tarEntry({ path: '.wh.gone' }, ''),
  TAR_END,
]);

function start(
  root = mkdtempSync(join(tmpdir(), 'quai-packing-')),
  how: LayerPackingDeps['make'] = make,
  mounts = linuxMounts,
) {
  const db = new Database(join(root, 'db'));
  db.migrate(snapshotMigrations, silentLogger);
  const jail = new JailPool();
  const snapshots = new OverlaySnapshotter({
    db,
    jail,
    format: 'erofs',
    mounts,
    logger: silentLogger,
    root: join(root, 'snapshots'),
    packing: { jail, make: how, minTarBytes: 1 },
  });
  const end = async (): Promise<void> => {
    await snapshots.settled();
    await jail[Symbol.asyncDispose]();
    snapshots[Symbol.dispose]();
    db[Symbol.dispose]();
  };
  return {
    root,
    snapshots,
    take: async (name: string, tar: Buffer, parent?: string): Promise<Digest> => {
      const archive = join(root, `archive-${name}`);
      const bytes = gzipSync(tar);
      writeFileSync(archive, bytes);
      const blob = { digest: sha256(bytes), sizeBytes: bytes.length };
      await snapshots.ensureLayer(name, parent, { archive, diffId: sha256(tar), blob });
      return sha256(tar);
    },
    end,
    [Symbol.asyncDispose]: async () => {
      await end();
      assert.deepEqual(listMountsBelow(root), []);
      rmSync(root, { recursive: true });
    },
  };
}

async function tarAgain({ snapshots }: ReturnType<typeof start>, diffId: Digest): Promise<Digest> {
  const place = snapshots.tarOf(diffId);
  assert.ok(place);
  const hash = createHash('sha256');
  for await (const bytes of tarBytesOf(place, 'tar' in place ? statSync(place.tar).size : 0))
    hash.update(bytes);
  return `sha256:${hash.digest('hex')}`;
}

function filesOf({ snapshots }: ReturnType<typeof start>, name: string): string[] {
  return readdirSync(dirname(snapshots.layerDirectories(name)[0] ?? '')).sort();
}

test('a packed layer shows the same, takes less, and gives its tar back', { skip }, async () => {
  await using engine = start();
  const diffId = await engine.take('layer', TAR);
  const [directory = ''] = engine.snapshots.layerDirectories('layer');
  const before = describeTree(directory, { since });
  await engine.snapshots.pack();
  assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.frame', 'layer.packed']);
  assert.deepEqual(describeTree(directory, { since }), before);
  assert.ok(statSync(join(dirname(directory), 'layer.packed')).size < TAR.length / 4);
  assert.ok(statSync(join(dirname(directory), 'layer.frame')).size < 2000);
  assert.equal(await tarAgain(engine, diffId), diffId);
  await engine.snapshots.pack(); // nothing is left to do
  assert.equal(readFileSync(join(directory, 'bin/more'), 'utf8'), WORDS);
});

test('so it does where the host has no name spaces of users', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-jails-'));
  const jail = new ProgramJail({ crun: CRUN, folder, hasUsers: false });
  const other = new ErofsMaker({ program, jail });
  await using engine = start(undefined, job => other.make(job));
  const diffId = await engine.take('layer', TAR);
  engine.snapshots.layerDirectories('layer');
  await engine.snapshots.pack();
  assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.frame', 'layer.packed']);
  assert.equal(await tarAgain(engine, diffId), diffId);
  rmSync(folder, { recursive: true });
});

/** Takes layers in, packs them, and looks before and after. @returns how many were packed; undefined when they were refused. */
async function staysTheSame(layers: readonly Buffer[], what: string): Promise<number | undefined> {
  await using engine = start();
  let parent: string | undefined;
  const diffIds: Digest[] = [];
  for (const [index, tar] of layers.entries()) {
    try {
      diffIds.push(await engine.take(`layer-${index}`, tar, parent));
    } catch (error) {
      if (isKind(error, 'invalid')) return undefined; // some are made to be refused
      throw error;
    }
    parent = `layer-${index}`;
  }
  const look = () =>
    engine.snapshots.layerDirectories(parent ?? '').map(path => describeTree(path, { since }));
  const before = look();
  await engine.snapshots.pack();
  assert.deepEqual(look(), before, what);
  for (const diffId of diffIds) assert.equal(await tarAgain(engine, diffId), diffId, what);
  return layers.filter((_, index) => filesOf(engine, `layer-${index}`).includes('layer.packed')).length;
}

test('layers of random archives stay the same when they are packed', { skip }, async () => {
  let [taken, packed] = [0, 0];
  for (let seed = 1; seed <= 20; seed += 1) {
    const isPlain = seed % 3 > 0;
    const count = await staysTheSame(randomLayers(seed, { isPlain }), `seed ${seed}`);
    if (count !== undefined) taken += 1;
    packed += count ?? 0;
  }
  assert.ok(taken > 4, `${taken} of 20`);
  assert.ok(packed > 4, `${packed} layers were packed`);
});

test('so does a layer with everything in it that file systems have', { skip }, async () => {
  const tool = LAYER_TOOLS.find(each => each.name.startsWith('GNU tar (posix') && each.skip === false);
  assert.ok(tool);
  const scratch = mkdtempSync(join(tmpdir(), 'quai-rich-'));
  try {
    mkdirSync(join(scratch, 'tree'));
    makeRichTree(join(scratch, 'tree'));
    rmSync(join(scratch, 'tree/etc/size-511')); // has a `trusted.` attribute: such a layer is not packed
    rmSync(join(scratch, 'tree', 'n'.repeat(255))); // erofs-utils 1.5 fails with names of this length
    assert.equal(await staysTheSame([tool.pack(join(scratch, 'tree'), scratch)], tool.name), 1);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test('a layer with opaque directories is packed, and they hide what is below as before', {
  skip,
}, async () => {
  await using engine = start();
  const low = ['bin', 'etc', 'one', 'two', 'usr'].flatMap(name => [
    tarEntry({ path: `${name}/`, type: 'directory' }),
    tarEntry({ path: `${name}/low` }, 'low'),
  ]);
  // few keep the attribute beside their inode, many share it
  for (const names of [['bin'], ['bin', 'etc', 'one', 'two', 'usr']]) {
    const top = names.flatMap(name => [
      tarEntry({ path: `${name}/`, type: 'directory', mode: 0o711 }),
      tarEntry({ path: `${name}/.wh..wh..opq` }, ''),
      tarEntry({ path: `${name}/top` }, WORDS),
    ]);
    const key = `with ${names.length}`;
    await engine.take(`low ${key}`, Buffer.concat([...low, TAR_END]));
    const diffId = await engine.take(key, Buffer.concat([...top, TAR_END]), `low ${key}`);
    const [directory = ''] = engine.snapshots.layerDirectories(key);
    const before = describeTree(directory, { since });
    assert.match(JSON.stringify(before), /trusted\.overlay\.opaque/);
    await engine.snapshots.pack();
    assert.deepEqual(filesOf(engine, key), ['fs', 'layer.frame', 'layer.packed']);
    assert.deepEqual(describeTree(directory, { since }), before);
    assert.equal(await tarAgain(engine, diffId), diffId);
    const view = join(engine.root, 'view');
    mkdirSync(view, { recursive: true });
    linuxMounts.mount(view, engine.snapshots.viewMounts(key));
    try {
      for (const name of names) assert.deepEqual(readdirSync(join(view, name)), ['top']);
      if (names.length === 1) assert.deepEqual(readdirSync(join(view, 'etc')), ['low']);
    } finally {
      linuxMounts.unmount(view);
    }
  }
});

test('a layer with what only the host’s own power shows stays as it is', { skip }, async () => {
  await using engine = start();
  const secret = tarEntry({ path: 'secret', xattrs: new Map([['trusted.x', Buffer.from('y')]]) }, '');
  await engine.take('layer', Buffer.concat([TAR.subarray(0, -TAR_END.length), secret, TAR_END]));
  engine.snapshots.layerDirectories('layer');
  await engine.snapshots.pack();
  assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.erofs', 'layer.kept', 'layer.tar']);
});

test('a container that uses a layer while it is packed sees no difference', { skip }, async () => {
  await using engine = start();
  await engine.take('layer', TAR);
  engine.snapshots.prepare('container', 'layer');
  const view = join(engine.root, 'view');
  mkdirSync(view);
  linuxMounts.mount(view, engine.snapshots.mounts('container'));
  try {
    await engine.snapshots.pack();
    assert.equal(readFileSync(join(view, 'bin/words'), 'utf8'), WORDS);
  } finally {
    linuxMounts.unmount(view);
  }
  linuxMounts.mount(view, engine.snapshots.mounts('container'));
  assert.equal(readFileSync(join(view, 'bin/words'), 'utf8'), WORDS);
  linuxMounts.unmount(view);
  engine.snapshots.remove('container');
});

test('what a program makes that shows something else never takes the place of a layer', {
  skip,
}, async () => {
  await using engine = start(undefined, async job => {
    const other = mkdtempSync(join(tmpdir(), 'quai-other-'));
    writeFileSync(join(other, 'intruder'), readFileSync(join(job.from, 'bin/words')));
    try {
      return await maker.make({ ...job, from: other });
    } finally {
      rmSync(other, { recursive: true });
    }
  });
  const diffId = await engine.take('layer', TAR);
  await engine.snapshots.pack();
  assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.erofs', 'layer.kept', 'layer.tar']);
  assert.equal(await tarAgain(engine, diffId), diffId);
});

test('a layer that hardly shrinks, and one whose tar is a blob too, stay as they are', { skip }, async () => {
  await using engine = start();
  let state = 1;
  const noise = Buffer.from(
    Array.from({ length: 100_000 }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
  await engine.take('noise', Buffer.concat([tarEntry({ path: 'noise' }, noise), TAR_END]));
  const archive = join(engine.root, 'plain');
  writeFileSync(archive, TAR);
  const blob = { digest: sha256(TAR), sizeBytes: TAR.length };
  await engine.snapshots.ensureLayer('plain', undefined, { archive, diffId: sha256(TAR), blob });
  await engine.snapshots.pack();
  assert.deepEqual(filesOf(engine, 'noise'), ['fs', 'layer.erofs', 'layer.kept', 'layer.tar']);
  assert.deepEqual(filesOf(engine, 'plain'), ['fs', 'layer.erofs', 'layer.tar']);
});

test('what goes wrong once a packed layer counts does not cost what its tar is made of', {
  skip,
}, async () => {
  let failures = 0;
  await using engine = start(undefined, make, {
    ...linuxMounts,
    mount: (target, spec) => {
      if (spec.source.endsWith('/layer.packed') && failures++ === 0) throw new Error('no memory');
      linuxMounts.mount(target, spec);
    },
  });
  const diffId = await engine.take('layer', TAR);
  engine.snapshots.layerDirectories('layer');
  await engine.snapshots.pack();
  assert.equal(failures, 1);
  await engine.snapshots.pack();
  assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.frame', 'layer.packed']);
  assert.equal(await tarAgain(engine, diffId), diffId);
});

test('an engine that died while it packed goes on from what there is', { skip }, async () => {
  const engine = start();
  const diffId = await engine.take('layer', TAR);
  const [directory = ''] = engine.snapshots.layerDirectories('layer');
  const own = dirname(directory);
  // Before the rename: pieces of an attempt. After it: the tar and the index beside what took their place.
  writeFileSync(join(own, 'layer.frame'), 'cut');
  writeFileSync(join(own, 'layer.packed.new'), 'cut');
  await engine.snapshots.pack();
  const tar = join(own, 'layer.tar');
  writeFileSync(tar, TAR);
  await engine.end();
  await using again = start(engine.root);
  await again.snapshots.sweep(() => true);
  await again.snapshots.pack();
  assert.deepEqual(filesOf(again, 'layer'), ['fs', 'layer.frame', 'layer.packed']);
  assert.ok(!existsSync(tar));
  assert.equal(await tarAgain(again, diffId), diffId);
});

test('where no jail can be made, layers stay as they are, and are tried again', { skip }, async () => {
  let isBroken = true;
  await using engine = start(undefined, async job => {
    if (isBroken) throw new EngineError('unavailable', 'cannot make a jail');
    return await make(job);
  });
  await engine.take('layer', TAR);
  await engine.snapshots.pack();
  assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.erofs', 'layer.tar']);
  isBroken = false;
  await engine.snapshots.pack();
  assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.frame', 'layer.packed']);
});

test('packing does not fill a disk: it waits for room', { skip: skip || diskMissing('ext4') }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-packing-'));
  try {
    await using disk = await LoopDisk.make(join(folder, 'disk'), 'ext4');
    const root = join(folder, 'root');
    mkdirSync(root);
    linuxMounts.mount(root, { type: 'ext4', source: disk.device, options: [] });
    try {
      const engine = start(root);
      await engine.take('layer', TAR);
      engine.snapshots.layerDirectories('layer');
      const { bavail, bsize } = statfsSync(root);
      writeFileSync(join(root, 'others'), Buffer.alloc(bavail * bsize - 32 * 1024 * 1024));
      await engine.snapshots.pack();
      assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.erofs', 'layer.tar']);
      rmSync(join(root, 'others'));
      await engine.snapshots.pack();
      assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.frame', 'layer.packed']);
      await engine.end();
    } finally {
      linuxMounts.unmount(root);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('packing that is called off leaves the layer as it was', { skip }, async () => {
  const stop = new AbortController();
  await using engine = start(undefined, async job => {
    stop.abort();
    return await make(job);
  });
  await engine.take('layer', TAR);
  await engine.snapshots.pack(stop.signal);
  assert.deepEqual(filesOf(engine, 'layer'), ['fs', 'layer.erofs', 'layer.tar']);
});
