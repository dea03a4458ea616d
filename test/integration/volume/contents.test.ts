import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { AT_FDCWD, mknodAt, S_IFCHR, S_IFIFO } from '#sys/at';
import { getXattr, setXattr } from '#sys/xattr';
import { startPart } from '#volume/part-file';
import { rootMissing } from '../../support/image-engine.ts';
import { startVolumes, type VolumeEngine } from '../../support/volume-engine.ts';

const skip = rootMissing();
const HOLE_BYTES = 8 * 1024 * 1024;

/** One of everything that a tree can have. */
function fill(directory: string): void {
  mkdirSync(join(directory, 'deep/er'), { recursive: true });
  writeFileSync(join(directory, 'deep/er/file'), 'content');
  chownSync(join(directory, 'deep/er/file'), 1001, 3_000_000);
  chmodSync(join(directory, 'deep/er/file'), 0o4750);
  setXattr(join(directory, 'deep/er/file'), 'user.colour', Buffer.from('blue\n\0'));
  linkSync(join(directory, 'deep/er/file'), join(directory, 'again'));
  symlinkSync('/etc/passwd', join(directory, 'link'));
  writeFileSync(join(directory, 'ä'.repeat(120)), 'long name');
  mknodAt(AT_FDCWD, join(directory, 'null'), S_IFCHR | 0o666, 1, 3);
  mknodAt(AT_FDCWD, join(directory, 'fifo'), S_IFIFO | 0o600);
  const fd = openSync(join(directory, 'sparse'), 'w');
  writeSync(fd, 'begin', 0);
  writeSync(fd, 'middle', HOLE_BYTES / 2);
  ftruncateSync(fd, HOLE_BYTES);
  closeSync(fd);
  utimesSync(join(directory, 'again'), 1_000_000, 1_000_000);
  chownSync(directory, 33, 34);
  chmodSync(directory, 0o2770);
}

function check(directory: string): void {
  const file = statSync(join(directory, 'deep/er/file'));
  assert.deepEqual(
    [file.uid, file.gid, file.mode & 0o7777, file.mtimeMs],
    [1001, 3_000_000, 0o4750, 1_000_000_000],
  );
  assert.equal(statSync(join(directory, 'again')).ino, file.ino);
  assert.equal(getXattr(join(directory, 'again'), 'user.colour')?.toString(), 'blue\n\0');
  assert.equal(readlinkSync(join(directory, 'link')), '/etc/passwd');
  assert.equal(readFileSync(join(directory, 'ä'.repeat(120)), 'utf8'), 'long name');
  assert.equal(statSync(join(directory, 'null')).rdev, 259);
  assert.ok(lstatSync(join(directory, 'fifo')).isFIFO());
  const sparse = statSync(join(directory, 'sparse'));
  assert.equal(sparse.size, HOLE_BYTES);
  assert.ok(sparse.blocks * 512 < HOLE_BYTES / 4, `${sparse.blocks} blocks: the hole is filled`);
  const content = readFileSync(join(directory, 'sparse'));
  assert.equal(content.toString('latin1', 0, 5), 'begin');
  assert.equal(content.toString('latin1', HOLE_BYTES / 2, HOLE_BYTES / 2 + 6), 'middle');
  const top = statSync(directory);
  assert.deepEqual([top.uid, top.gid, top.mode & 0o7777], [33, 34, 0o2770]);
}

async function startFilled(): Promise<VolumeEngine & { readonly data: string }> {
  const engine = await startVolumes();
  const { mountpoint } = await engine.volumes.create({ name: 'data' });
  fill(mountpoint);
  return Object.assign(engine, { data: mountpoint });
}

test('export and import: everything comes back, in another volume too; GNU tar reads it as well', {
  skip,
}, async () => {
  await using engine = await startFilled();
  const { contents } = engine.volumes;
  const tar = await buffer(await contents.pack('data'));
  assert.ok(tar.length < HOLE_BYTES / 4, 'holes are no content');
  const made = await contents.unpack('other', Readable.from([tar]));
  check(made.mountpoint);

  const folder = join(engine.folder, 'gnu');
  mkdirSync(folder);
  execFileSync('tar', ['-C', folder, '--xattrs', '-xpSf', '-'], { input: tar });
  check(folder);

  writeFileSync(join(made.mountpoint, 'extra'), 'goes');
  await contents.unpack('other', Readable.from([tar]));
  check(made.mountpoint);
  assert.ok(!existsSync(join(made.mountpoint, 'extra')));
});

test('clone, snapshot and restore: the same tree, independent of the other', { skip }, async () => {
  await using engine = await startFilled();
  const { contents } = engine.volumes;
  const clone = await contents.clone('data', 'copy', { labels: { a: 'b' } });
  check(clone.mountpoint);
  assert.deepEqual(engine.volumes.get('copy').labels, { a: 'b' });
  const { name } = await contents.snapshot('data', undefined);
  await contents.snapshot('data', 'monday');
  await assert.rejects(contents.snapshot('data', 'monday'), { kind: 'conflict' });
  await assert.rejects(contents.snapshot('data', 'my snap'), {
    kind: 'invalid',
    message: /^invalid snapshot name "my snap": use /,
  });
  assert.deepEqual(
    contents.snapshots('data').map(one => one.name),
    [name, 'monday'],
  );
  execFileSync('rm', ['-rf', ...readdirSync(engine.data).map(entry => join(engine.data, entry))]);
  await contents.restore('data', 'monday');
  check(engine.data);
  writeFileSync(join(engine.data, 'new'), '');
  await contents.restore('data', 'monday'); // it is still there
  assert.ok(!existsSync(join(engine.data, 'new')));
  await contents.removeSnapshot('data', 'monday');
  await assert.rejects(contents.restore('data', 'monday'), {
    kind: 'notFound',
    message: 'volume data has no snapshot "monday"',
  });
  await assert.rejects(
    contents.restore('data', 'mine.tar.zst'),
    /a backup is named by the absolute path of its/,
  );
  await engine.volumes.remove('data');
  await engine.volumes.settled();
  assert.deepEqual(readdirSync(join(engine.folder, 'volumes', '.snapshots')), []);
});

test('taken names, bad names and unknown volumes are refused, and nothing is left', { skip }, async () => {
  await using engine = await startFilled();
  const { contents } = engine.volumes;
  await assert.rejects(contents.clone('data', 'data'), { kind: 'conflict' });
  await assert.rejects(contents.clone('data', '../x'), { kind: 'invalid' });
  await assert.rejects(contents.clone('nope', 'copy'), { kind: 'notFound' });
  await assert.rejects(contents.unpack('copy', Readable.from(['no tar'.repeat(200)])), { kind: 'invalid' });
  await assert.rejects(contents.put('data', '/nowhere', Readable.from([TAR_END])), { kind: 'notFound' });
  await assert.rejects(contents.put('data', '/again', Readable.from([TAR_END])), { kind: 'notFound' });
  await assert.rejects(contents.stat('data', '/nowhere'), {
    kind: 'notFound',
    message: 'Could not find the file /nowhere in the volume',
  });
  await assert.rejects(contents.pack('data', { path: '/nowhere' }), { kind: 'notFound' });
  await engine.volumes.settled();
  assert.deepEqual(
    readdirSync(join(engine.folder, 'volumes')).filter(name => !name.startsWith('.')),
    ['data'],
  );
  assert.deepEqual(readdirSync(join(engine.folder, 'volumes', '.work')), []);
});

test('hostile archives stay in the volume, and write to no device', { skip }, async () => {
  await using engine = await startFilled();
  const canary = join(engine.folder, 'canary');
  mkdirSync(canary);
  const up = '../'.repeat(12);
  const archives = [
    [tarEntry({ path: `${up}${canary}/x` }, 'out')],
    [tarEntry({ path: 'way', type: 'symlink', linkPath: canary }), tarEntry({ path: 'way/x' }, 'out')],
    [
      tarEntry({ path: 'way', type: 'symlink', linkPath: `${up}${canary}` }),
      tarEntry({ path: 'way/x' }, 'out'),
    ],
    [
      tarEntry({ path: 'way', type: 'symlink', linkPath: `/proc/self/root${canary}` }),
      tarEntry({ path: 'way/x' }, 'out'),
    ],
    [tarEntry({ path: `${canary}/x` }, 'out')],
    [tarEntry({ path: 'hard', type: 'hardlink', linkPath: `${up}etc/passwd` })],
    [
      tarEntry({ path: 'full', type: 'character', deviceMajor: 1, deviceMinor: 7 }),
      tarEntry({ path: 'full' }, 'out'),
    ],
  ];
  for (const [index, entries] of archives.entries()) {
    const bytes = Buffer.concat([...entries, TAR_END]);
    for (const work of [
      () => engine.volumes.contents.unpack(`hostile${index}`, Readable.from([bytes])),
      () => engine.volumes.contents.put('data', '/', Readable.from([bytes])),
      () => engine.volumes.contents.put('data', '/deep', Readable.from([bytes])),
    ]) {
      await work().then(
        () => undefined,
        (error: unknown) =>
          assert.ok(error instanceof Error && 'kind' in error && error.kind === 'invalid', String(error)),
      );
      assert.deepEqual(readdirSync(canary), [], `archive ${index}`);
    }
  }
});

test('links in a volume lead nowhere: not for reading, not for writing', { skip }, async () => {
  await using engine = await startFilled();
  const { contents } = engine.volumes;
  const canary = join(engine.folder, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'secret'), 'secret');
  symlinkSync(canary, join(engine.data, 'out'));
  symlinkSync(`/proc/self/root${canary}`, join(engine.data, 'magic'));
  for (const path of [
    '/out/secret',
    '/magic/secret',
    `/deep/${'../'.repeat(12)}${canary}/secret`,
    '/out/',
    '/out/.',
  ]) {
    await assert.rejects(
      contents.stat('data', path).then(async () => {
        const tar = await buffer(await contents.pack('data', { path }));
        assert.ok(!tar.includes('secret'));
        throw Object.assign(new Error('only the link'), { kind: 'notFound' });
      }),
      { kind: 'notFound' },
      path,
    );
    await assert.rejects(
      contents.put('data', path, Readable.from([tarEntry({ path: 'x' }, 'in'), TAR_END])),
      { kind: 'notFound' },
    );
  }
  assert.ok(!(await buffer(await contents.pack('data'))).includes('secret'));
  assert.deepEqual(readdirSync(canary), ['secret']);
});

test('a user of the volume who swaps directories for links while it is read and written gets nothing out or in', {
  skip,
}, async () => {
  await using engine = await startFilled();
  const { contents } = engine.volumes;
  const canary = join(engine.folder, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'secret'), 'secret');
  for (let round = 0; round < 20; round += 1) {
    const swapped = join(engine.data, 'swapped');
    mkdirSync(swapped);
    writeFileSync(join(swapped, 'inside'), 'x'.repeat(200_000));
    const reading = contents.pack('data').then(buffer);
    const writing = contents
      .put('data', '/swapped', Readable.from([tarEntry({ path: `x${round}` }, 'in'), TAR_END]))
      .catch((error: unknown) =>
        assert.ok(error instanceof Error && 'kind' in error && error.kind === 'notFound', String(error)),
      );
    await new Promise(resolve => setImmediate(resolve));
    renameSync(swapped, join(engine.data, `moved${round}`));
    symlinkSync(canary, swapped);
    assert.ok(!(await reading).includes('secret'));
    await writing;
    assert.deepEqual(readdirSync(canary), ['secret']);
    execFileSync('rm', ['-rf', swapped, join(engine.data, `moved${round}`)]);
  }
});

test('who stops reading an archive ends the work on it', { skip }, async () => {
  await using engine = await startFilled();
  writeFileSync(join(engine.data, 'large'), Buffer.alloc(16 * 1024 * 1024, 1));
  const stream = await engine.volumes.contents.pack('data');
  for await (const _ of stream) break;
  assert.ok(stream.destroyed);
  assert.ok(
    (await buffer(await engine.volumes.contents.pack('data'))).length > 16 * 1024 * 1024,
    'its thread is free',
  );
});

test('rename: rows, users, snapshots and sub-paths follow; a taken name is refused', { skip }, async () => {
  await using engine = await startFilled();
  const { volumes } = engine;
  await volumes.create({ name: 'other' });
  volumes.addUser('data', 'c1');
  await volumes.contents.snapshot('data', 'monday');
  const source = await volumes.mount('data', 'c1', { subpath: 'deep' });
  assert.deepEqual(readdirSync(source), ['er']);
  await assert.rejects(volumes.rename('data', 'other'), {
    kind: 'conflict',
    message: 'volume other exists already',
  });
  await assert.rejects(volumes.rename('nope', 'fresh'), { kind: 'notFound' });
  await assert.rejects(volumes.rename('data', 'a/b'), { kind: 'invalid' });
  const renamed = await volumes.rename('data', 'fresh');
  assert.equal(renamed.mountpoint, join(engine.folder, 'volumes', 'fresh', '_data'));
  check(renamed.mountpoint);
  assert.deepEqual(volumes.usersOf('fresh'), ['c1']);
  assert.deepEqual(
    volumes.contents.snapshots('fresh').map(({ name }) => name),
    ['monday'],
  );
  assert.equal(volumes.find('data'), undefined);
  await volumes.unmount('fresh', 'c1');
});

test('a rename that is cut short before its commit is undone at the next start, and no content is lost', {
  skip,
}, async () => {
  await using engine = await startFilled();
  await assert.rejects(
    engine.volumes.rename('data', 'fresh', {
      follow: () => {
        throw new Error('power cut');
      },
    }),
    /power cut/,
  );
  check(engine.data);
  // As if the process had ended between the directory and the commit.
  const root = join(engine.folder, 'volumes');
  engine.noteRename('data', 'fresh');
  renameSync(join(root, 'data'), join(root, 'fresh'));
  const next = engine.restart();
  await next.restore({ existing: new Set(), running: new Set() });
  check(next.get('data').mountpoint);
  assert.equal(next.find('fresh'), undefined);
});

test('backups of one volume into one directory at the same time: each is whole; what a killed engine left goes', {
  skip,
}, async () => {
  await using engine = await startFilled();
  const directory = join(engine.folder, 'backups');
  mkdirSync(directory);
  const left = join(directory, 'data.20200101T000000.000Z.tar.zst.part');
  writeFileSync(left, 'cut');
  const other = await startPart(join(directory, 'data.20200102T000000.000Z.tar.zst'));
  assert.ok(other);
  await using _other = other; // as an engine that shares the directory would

  const made = await Promise.all([1, 2, 3].map(() => engine.volumes.backups.make('data', directory)));
  assert.deepEqual(
    readdirSync(directory).filter(name => name.endsWith('.part')),
    ['data.20200102T000000.000Z.tar.zst.part'],
  );
  assert.equal(new Set(made.map(({ path }) => path)).size, 3);
  for (const [index, { path }] of made.entries())
    check((await engine.volumes.backups.restore(`back${index}`, path)).mountpoint);
});

test('new content goes to the volume it was meant for: not to one that has its name by now', {
  skip,
}, async () => {
  await using engine = await startFilled();
  const archive = await buffer(await engine.volumes.contents.pack('data'));
  async function* during(change: () => Promise<unknown>): AsyncGenerator<Buffer> {
    yield archive;
    await change();
  }
  const { volumes } = engine;
  const unpack = (change: () => Promise<unknown>): Promise<unknown> =>
    volumes.contents.unpack('data', Readable.from(during(change)));

  await assert.rejects(
    unpack(() => volumes.rename('data', 'other')),
    { kind: 'notFound' },
  );
  check(volumes.get('other').mountpoint);
  await volumes.rename('other', 'data');
  const renewed = unpack(async () => {
    await volumes.remove('data');
    await volumes.create({ name: 'data' });
  });
  await assert.rejects(renewed, { kind: 'conflict', message: /was removed and made anew meanwhile/ });
  assert.deepEqual(readdirSync(volumes.get('data').mountpoint), []);
});
