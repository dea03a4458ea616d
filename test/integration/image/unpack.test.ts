import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { tarEntry, tarHeader } from '#spec/tar/tar-writer';
import { JailPool } from '#store/jail-pool';
import { getXattr, setXattr } from '#sys/xattr';
import { type LayerEntry, sha256, tarOf } from '../../support/image-archive.ts';
import { rootMissing } from '../../support/image-engine.ts';

const skip = rootMissing();

let base = '';
let jail: JailPool;
/** What must never change: a directory beside the ones that are unpacked into. */
let canary = '';
let canaryState = '';

before(() => {
  base = mkdtempSync(join(tmpdir(), 'quai-unpack-'));
  canary = join(base, 'canary');
  mkdirSync(join(canary, 'd'), { recursive: true });
  writeFileSync(join(canary, 'f'), 'untouched');
  canaryState = stateOf(canary);
  jail = new JailPool({ size: 1 });
});

after(async () => {
  await jail[Symbol.asyncDispose]();
  assert.equal(stateOf(canary), canaryState, 'something outside was touched');
  rmSync(base, { recursive: true, force: true });
});

function stateOf(directory: string): string {
  return JSON.stringify(
    ['.', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })].map(name => {
      const { mode, uid, gid, size, mtimeMs, nlink } = lstatSync(join(directory, name));
      return [name, mode, uid, gid, size, mtimeMs, nlink];
    }),
  );
}

let count = 0;

function freshDirectory(): string {
  count += 1;
  const directory = join(base, `root-${count}`);
  mkdirSync(directory);
  return directory;
}

/** Unpacks entries; what they do to the canary shows in `after`. */
async function unpack(
  entries: readonly LayerEntry[] | Buffer,
  options: { readonly limits?: { maxEntries?: number; maxBytes?: number }; readonly directory?: string } = {},
) {
  const directory = options.directory ?? freshDirectory();
  const archive = join(base, `archive-${count}`);
  writeFileSync(archive, Buffer.isBuffer(entries) ? entries : tarOf(entries));
  const result = await jail.extract({
    archive,
    directory,
    whiteouts: 'overlay',
    ...(options.limits ? { limits: options.limits } : {}),
  });
  assert.equal(stateOf(canary), canaryState);
  return { directory, result, at: (name: string) => join(directory, name) };
}

const isWhiteout = (path: string): boolean =>
  lstatSync(path).isCharacterDevice() && lstatSync(path).rdev === 0;

test('extract() keeps owners, modes with setuid, times, links, devices and attributes', {
  skip,
}, async () => {
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  const { at, result } = await unpack([
    { path: './', type: 'directory', mode: 0o711, mtimeSeconds: 5 },
    { path: 'd/', type: 'directory', mode: 0o2775, uid: 7, gid: 8, mtimeSeconds: 1000.5 },
    {
      path: 'd/f',
      mode: 0o4755,
      uid: 1000,
      gid: 1001,
      mtimeSeconds: 1234567890,
      content: 'hello',
      xattrs: new Map([
        ['security.capability', capability],
        ['user.x', Buffer.from('y')],
      ]),
    },
    { path: 'd/hard', type: 'hardlink', linkPath: 'd/f' },
    { path: 'soft', type: 'symlink', linkPath: '../../canary/f', uid: 3, gid: 4, mtimeSeconds: 77 },
    { path: 'null', type: 'character', mode: 0o666, deviceMajor: 1, deviceMinor: 3, uid: 5 },
    { path: 'blk', type: 'block', mode: 0o660, deviceMajor: 259, deviceMinor: 70000 },
    { path: 'pipe', type: 'fifo', mode: 0o600 },
    { path: 'empty', mode: 0 },
    { path: 'caf\xe9', content: 'latin' },
  ]);
  const file = statSync(at('d/f'));
  assert.deepEqual(
    [file.mode & 0o7777, file.uid, file.gid, file.mtimeMs, file.nlink],
    [0o4755, 1000, 1001, 1234567890000, 2],
  );
  assert.deepEqual(getXattr(at('d/f'), 'security.capability'), capability);
  assert.equal(getXattr(at('d/f'), 'user.x')?.toString(), 'y');
  assert.equal(statSync(at('d/hard')).ino, file.ino);
  const directory = statSync(at('d'));
  assert.deepEqual(
    [directory.mode & 0o7777, directory.uid, directory.gid, directory.mtimeMs],
    [0o2775, 7, 8, 1000500],
  );
  assert.deepEqual([statSync(at('')).mode & 0o7777, statSync(at('')).mtimeMs], [0o711, 5000]);
  const soft = lstatSync(at('soft'));
  assert.deepEqual(
    [readlinkSync(at('soft')), soft.uid, soft.gid, soft.mtimeMs],
    ['../../canary/f', 3, 4, 77000],
  );
  const device = lstatSync(at('null'));
  assert.deepEqual(
    [device.isCharacterDevice(), device.rdev, device.mode & 0o777, device.uid],
    [true, 0x103, 0o666, 5],
  );
  const block = lstatSync(at('blk'));
  assert.deepEqual(
    [block.isBlockDevice(), block.rdev],
    [true, (70000 & 0xff) | (259 << 8) | ((70000 & ~0xff) << 12)],
  );
  assert.ok(lstatSync(at('pipe')).isFIFO());
  assert.equal(statSync(at('empty')).mode & 0o777, 0);
  assert.ok(readdirSync(at(''), { encoding: 'latin1' }).includes('caf\xe9'));
  assert.deepEqual([result.entries, result.sizeBytes], [10, 10]);
});

test('extract() gives a file in a setgid directory the group the archive says', { skip }, async () => {
  const { at } = await unpack([
    { path: 'd/', type: 'directory', mode: 0o2775, gid: 50 },
    { path: 'd/f', gid: 0, content: 'x' },
    { path: 'd/e/', type: 'directory', mode: 0o755 },
  ]);
  assert.equal(statSync(at('d/f')).gid, 0);
  assert.deepEqual([statSync(at('d/e')).gid, statSync(at('d/e')).mode & 0o7777], [0, 0o755]);
});

test('extract() turns whiteouts into what overlayfs understands', { skip }, async () => {
  const { at } = await unpack([
    { path: 'a/.wh.gone' },
    { path: 'b/.wh..wh..opq' },
    { path: 'b/new', content: 'x' },
    { path: '.wh..wh.plnk/' },
    { path: '.wh.replaced' },
    { path: 'replaced/', type: 'directory' },
    { path: 'kept', content: 'x' },
    { path: '.wh.kept' },
    { path: 'dir/', type: 'directory' },
    { path: 'dir/inside', content: 'x' },
    { path: '.wh.dir' },
  ]);
  assert.ok(isWhiteout(at('a/gone')));
  assert.equal(getXattr(at('b'), 'trusted.overlay.opaque')?.toString(), 'y');
  assert.equal(getXattr(at('replaced'), 'trusted.overlay.opaque')?.toString(), 'y');
  assert.ok(statSync(at('kept')).isFile());
  assert.equal(getXattr(at('dir'), 'trusted.overlay.opaque')?.toString(), 'y');
  assert.ok(statSync(at('dir/inside')).isFile());
  assert.ok(!readdirSync(at('')).some(name => name.startsWith('.wh.')));
});

test('extract() drops attributes that would steer overlayfs', { skip }, async () => {
  const { at } = await unpack([
    {
      path: 'd/',
      type: 'directory',
      xattrs: new Map([
        ['trusted.overlay.redirect', Buffer.from('/etc')],
        ['trusted.x', Buffer.from('1')],
      ]),
    },
  ]);
  assert.equal(getXattr(at('d'), 'trusted.overlay.redirect'), undefined);
  assert.equal(getXattr(at('d'), 'trusted.x')?.toString(), '1');
});

test('extract() replaces what an earlier entry made, whatever it was', { skip }, async () => {
  const { at } = await unpack([
    { path: 'a', content: 'one' },
    { path: 'a', content: 'two' },
    { path: 'b/', type: 'directory' },
    { path: 'b/c/d', content: 'x' },
    { path: 'b', content: 'file' },
    { path: 'l', type: 'symlink', linkPath: 'a' },
    { path: 'l', content: 'not through the link' },
    { path: 'm', type: 'symlink', linkPath: 'b' },
    { path: 'm/', type: 'directory' },
    { path: 'm/in', content: 'x' },
  ]);
  assert.equal(readFileSync(at('a'), 'utf8'), 'two');
  assert.equal(readFileSync(at('b'), 'utf8'), 'file');
  assert.equal(readFileSync(at('l'), 'utf8'), 'not through the link');
  assert.ok(lstatSync(at('m')).isDirectory());
  assert.ok(statSync(at('m/in')).isFile());
});

test('extract() does not write into a device the archive made', { skip }, async () => {
  const { at } = await unpack([
    { path: 'full', type: 'character', deviceMajor: 1, deviceMinor: 7 },
    { path: 'full', content: 'x' },
    { path: 'pipe', type: 'fifo' },
    { path: 'pipe', content: 'would block for ever' },
  ]);
  assert.ok(lstatSync(at('full')).isFile());
  assert.ok(lstatSync(at('pipe')).isFile());
});

/** Each of these tries to reach the canary; names that climb out are refused, links end inside. */
const CONTAINED: readonly (readonly [string, readonly LayerEntry[], readonly string[]])[] = [
  ['an absolute name', [{ path: '/canary/f', content: 'x' }], ['canary/f']],
  [
    'a name under a link that climbs',
    [
      { path: 'l', type: 'symlink', linkPath: '../canary' },
      { path: 'canary/', type: 'directory' },
      { path: 'l/f', content: 'x' },
    ],
    ['canary/f'],
  ],
  [
    'a name under an absolute link',
    [
      { path: 'canary/', type: 'directory' },
      { path: 'l', type: 'symlink', linkPath: '/canary' },
      { path: 'l/f', content: 'x' },
    ],
    ['canary/f'],
  ],
  [
    'a chain of links',
    [
      { path: 'canary/', type: 'directory' },
      { path: 'a', type: 'symlink', linkPath: '/' },
      { path: 'b', type: 'symlink', linkPath: 'a/../../../canary' },
      { path: 'b/f', content: 'x' },
    ],
    ['canary/f'],
  ],
  [
    'a directory swapped for a link',
    [
      { path: 'd/x', content: '1' },
      { path: 'canary/', type: 'directory' },
      { path: 'd', type: 'symlink', linkPath: '../canary' },
      { path: 'd/f', content: 'x' },
    ],
    ['canary/f'],
  ],
  [
    'a mode for a link',
    [{ path: 'l', type: 'symlink', linkPath: '../canary/f', mode: 0o777, uid: 9 }],
    ['l'],
  ],
  [
    'a hard link to a link that climbs',
    [
      { path: 'l', type: 'symlink', linkPath: '../canary/f' },
      { path: 'h', type: 'hardlink', linkPath: 'l' },
      { path: 'h', content: 'x' },
    ],
    ['h'],
  ],
  [
    'a whiteout under a link',
    [
      { path: 'canary/', type: 'directory' },
      { path: 'l', type: 'symlink', linkPath: '../canary' },
      { path: 'l/.wh.f' },
    ],
    ['canary/f'],
  ],
];

for (const [what, entries, expected] of CONTAINED) {
  test(`extract() keeps ${what} inside`, { skip }, async () => {
    const { at } = await unpack(entries);
    for (const name of expected) assert.ok(lstatSync(at(name)));
  });
}

const REFUSED: readonly (readonly [string, readonly LayerEntry[] | Buffer, RegExp])[] = [
  ['a name with ..', [{ path: '../canary/f', content: 'x' }], /leads out of the archive/],
  ['a name with .. in the middle', [{ path: 'a/../../canary/f', content: 'x' }], /leads out of the archive/],
  ['a directory named ..', [{ path: '..', type: 'directory', mode: 0o777, uid: 99 }], /leads out/],
  ['a hard link out', [{ path: 'h', type: 'hardlink', linkPath: '../canary/f' }], /leads out/],
  ['a hard link to an absolute name', [{ path: 'h', type: 'hardlink', linkPath: '/canary/f' }], /ENOENT/],
  [
    'a hard link through a link',
    [
      { path: 'l', type: 'symlink', linkPath: '../canary' },
      { path: 'h', type: 'hardlink', linkPath: 'l/f' },
    ],
    /ENOENT/,
  ],
  [
    'a hard link to itself',
    [
      { path: 'h', content: 'x' },
      { path: 'h', type: 'hardlink', linkPath: 'h' },
    ],
    /link to itself/,
  ],
  [
    'a name under a dangling link',
    [
      { path: 'l', type: 'symlink', linkPath: '../canary' },
      { path: 'l/f', content: 'x' },
    ],
    /cannot unpack "l\/f"/,
  ],
  [
    'a name under a file',
    [
      { path: 'f', content: 'x' },
      { path: 'f/g', content: 'x' },
    ],
    /cannot unpack "f\/g"/,
  ],
  ['a root that is a link', [{ path: './', type: 'symlink', linkPath: '/canary' }], /root is no directory/],
  ['a whiteout of the root', [{ path: '.wh..' }], /whiteout of nothing/],
  ['a whiteout of the parent', [{ path: 'd/.wh...' }], /whiteout of nothing/],
  ['a whiteout without a name', [{ path: '.wh.' }], /whiteout of nothing/],
  ['a whiteout with content', [{ path: '.wh.x', content: 'x' }], /whiteout has content/],
  [
    'links in a circle',
    [
      { path: 'a', type: 'symlink', linkPath: 'b' },
      { path: 'b', type: 'symlink', linkPath: 'a' },
      { path: 'a/f', content: 'x' },
    ],
    /cannot unpack/,
  ],
  ['a name of 300 characters', [{ path: 'n'.repeat(300), content: 'x' }], /ENAMETOOLONG/],
  ['a giant PAX header', Buffer.concat([tarHeader({ path: 'p', type: 'pax', size: 1 << 30 })]), /too large/],
  ['a cut archive', tarEntry({ path: 'f' }, 'x'.repeat(2000)).subarray(0, 1000), /unexpected end/],
];

for (const [what, entries, message] of REFUSED) {
  test(`extract() refuses ${what}`, { skip }, async () => {
    await assert.rejects(unpack(entries), { kind: 'invalid', message });
    assert.equal(stateOf(canary), canaryState);
  });
}

test('extract() ends bombs at its limits: entries, bytes, inflated zeros', { skip }, async () => {
  const many = Array.from({ length: 50 }, (_, index): LayerEntry => ({ path: `f${index}`, content: 'x' }));
  await assert.rejects(unpack(many, { limits: { maxEntries: 10 } }), /more than 10 entries/);
  await assert.rejects(unpack(many, { limits: { maxBytes: 10 } }), /more than 10 bytes/);
  const zeros = tarOf([{ path: 'zeros', content: Buffer.alloc(64 * 1024 * 1024) }]);
  await assert.rejects(
    unpack(gzipSync(zeros), { limits: { maxBytes: 1024 * 1024 } }),
    /more than 1048576 bytes/,
  );
});

test('extract() stops before the disk is full', { skip }, async () => {
  const directory = freshDirectory();
  const archive = join(base, 'small.tar');
  writeFileSync(archive, tarOf([{ path: 'f', content: 'x' }]));
  await assert.rejects(
    jail.extract({ archive, directory, whiteouts: 'overlay', reserveBytes: Number.MAX_SAFE_INTEGER }),
    { kind: 'unavailable', message: 'no space left on device' },
  );
});

test('extract() stops when its signal fires, and the thread works on', { skip }, async () => {
  const archive = join(base, 'stopped.tar');
  writeFileSync(archive, tarOf([{ path: 'f', content: Buffer.alloc(32 * 1024 * 1024) }]));
  const input = { archive, directory: freshDirectory(), whiteouts: 'overlay' } as const;
  const abort = new AbortController();
  const running = jail.extract(input, { signal: abort.signal });
  setImmediate(() => abort.abort());
  await assert.rejects(running, { kind: 'cancelled' });
  await unpack([{ path: 'f', content: 'x' }]);
});

test('a failed extraction leaves its thread outside of the jail', { skip }, async () => {
  await assert.rejects(unpack([{ path: '../x' }]));
  assert.ok((await jail.diskUsage(canary)) === 'untouched'.length);
});

test('extract() gives what GNU tar gives, for an archive of GNU tar with all it can', { skip }, async () => {
  const source = freshDirectory();
  const long = `${'long'.repeat(30)}/${'name'.repeat(30)}`;
  mkdirSync(join(source, long.split('/')[0] ?? ''));
  writeFileSync(join(source, long), 'long');
  writeFileSync(join(source, 'x'), 'x', { mode: 0o640 });
  setXattr(join(source, 'x'), 'user.k', Buffer.from([0, 1, 255]));
  symlinkSync('t'.repeat(150), join(source, 'link'));
  execFileSync('mkfifo', [join(source, 'fifo')]);
  execFileSync('ln', [join(source, 'x'), join(source, 'hard')]);
  for (const format of ['gnu', 'pax', 'oldgnu', 'ustar', 'v7']) {
    if (format === 'ustar') {
      // From here on names must fit into the header.
      rmSync(join(source, long.split('/')[0] ?? ''), { recursive: true, force: true });
      rmSync(join(source, 'link'), { force: true });
    }
    const flags = format === 'pax' ? ['--xattrs'] : [];
    const noFifo = format === 'v7' ? ['--exclude=./fifo'] : [];
    const archive = execFileSync(
      'tar',
      ['-c', `--format=${format}`, ...flags, ...noFifo, '-C', source, '.'],
      { maxBuffer: 1 << 26 },
    );
    const { directory, result } = await unpack(archive);
    const theirs = freshDirectory();
    execFileSync('tar', ['-x', ...flags, '-p', '-C', theirs], { input: archive });
    assert.deepEqual(treeOf(directory), treeOf(theirs), format);
    assert.equal(result.diffId, sha256(archive));
  }
});

test('extract() makes the holes of sparse files again', { skip }, async () => {
  const source = freshDirectory();
  const fd = openSync(join(source, 'sparse'), 'w');
  for (let index = 0; index < 60; index += 1) writeSync(fd, `piece ${index}`, index * 1_000_000 + 7);
  ftruncateSync(fd, 100_000_000);
  closeSync(fd);
  writeFileSync(join(source, 'hole'), '');
  truncateSync(join(source, 'hole'), 5_000_000);
  for (const flags of [['--format=gnu'], ['--format=posix'], ['--format=posix', '--sparse-version=0.1']]) {
    const archive = execFileSync('tar', ['-cS', ...flags, '-C', source, '.'], { maxBuffer: 1 << 26 });
    assert.ok(archive.length < 1_000_000);
    const { at, result } = await unpack(archive);
    assert.equal(
      sha256(readFileSync(at('sparse'))),
      sha256(readFileSync(join(source, 'sparse'))),
      flags.join(),
    );
    assert.ok(statSync(at('sparse')).blocks * 512 < 1_000_000);
    assert.equal(statSync(at('hole')).size, 5_000_000);
    assert.equal(result.sizeBytes, 105_000_000);
  }
});

test('extract() gives what the tarfile module of Python gives', { skip: skip || !hasPython() }, async () => {
  const script = `
import tarfile, io, sys
out = tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.PAX_FORMAT)
def add(name, data=b'', **kw):
    info = tarfile.TarInfo(name); info.size = len(data)
    for key, value in kw.items(): setattr(info, key, value)
    out.addfile(info, io.BytesIO(data))
add('ü/' + 'd' * 120 + '/f', 'ünïcode'.encode(), mtime=1.25, uid=2**22, uname='ü')
add('link', type=tarfile.SYMTYPE, linkname='ü')
add('big', b'x' * 100000, mode=0o755)
out.close()`;
  const archive = execFileSync('python3', ['-c', script], { maxBuffer: 1 << 26 });
  const { at } = await unpack(archive);
  const file = statSync(at(`ü/${'d'.repeat(120)}/f`));
  assert.deepEqual([file.uid, file.mtimeMs], [2 ** 22, 1250]);
  assert.equal(readlinkSync(at('link')), 'ü');
  assert.equal(statSync(at('big')).size, 100_000);
});

function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function treeOf(directory: string): unknown[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map(name => {
      const path = join(directory, name);
      const { mode, uid, gid, size, nlink, mtimeMs } = lstatSync(path);
      const stat = lstatSync(path);
      return [
        name,
        mode,
        uid,
        gid,
        stat.isDirectory() ? 0 : size,
        stat.isDirectory() ? 0 : nlink,
        // tar does not set times of links and directories as exactly
        stat.isFile() ? Math.floor(mtimeMs / 1000) : 0,
        stat.isFile() ? readFileSync(path, 'latin1') : stat.isSymbolicLink() ? readlinkSync(path) : '',
        stat.isFile() ? (getXattr(path, 'user.k')?.toString('hex') ?? '') : '',
      ];
    });
}

test('extract() gives a directory that was replaced by a link no time of its own any more', {
  skip,
}, async () => {
  const { at } = await unpack([
    { path: 'f', mtimeSeconds: 5 },
    { path: 'd/', type: 'directory', mtimeSeconds: 1000 },
    { path: 'd', type: 'hardlink', linkPath: 'f' },
  ]);
  assert.equal(lstatSync(at('f')).mtimeMs, 5000);
});

test('extract() makes undescribed directories ordinary, also below setgid and over a whiteout', {
  skip,
}, async () => {
  const { at } = await unpack([
    { path: 's/', type: 'directory', mode: 0o2775, gid: 7 },
    { path: 's/d/f' },
    { path: '.wh.gone' },
    { path: 'gone/f' },
  ]);
  const { mode, gid } = lstatSync(at('s/d'));
  assert.deepEqual([mode & 0o7777, gid], [0o755, 0]);
  assert.equal(getXattr(at('gone'), 'trusted.overlay.opaque')?.toString(), 'y');
});
