import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Entry, fuzzIndex, indexOf, tarOf } from './fuzz-index.ts';
import { type IndexedFile, walkIndex } from './walk-index.ts';

function walk(entries: readonly Entry[]): Map<string, IndexedFile> {
  const tar = tarOf(entries);
  const { bytes } = indexOf(tar);
  return new Map(walkIndex(bytes, { tarBytes: tar.length }).map(file => [file.path, file]));
}

test('writeErofs() places files where their content is in the tar, and directories in order', () => {
  const files = Array.from({ length: 300 }, (_, index) => ({ path: `d/file-${index}`, content: `${index}` }));
  const entries = [{ path: 'd/', type: 'directory' as const, uid: 3_000_000, mtimeSeconds: 7 }, ...files];
  const tar = tarOf(entries);
  const seen = walkIndex(indexOf(tar).bytes, { tarBytes: tar.length });
  assert.equal(seen.length, 302);
  for (const file of seen.filter(({ tarOffset }) => tarOffset !== undefined)) {
    const content = tar.toString('latin1', file.tarOffset, (file.tarOffset ?? 0) + file.size);
    assert.equal(file.path, `/d/file-${content}`);
  }
  const directory = seen.find(({ path }) => path === '/d');
  assert.deepEqual([directory?.uid, directory?.mtimeSeconds, directory?.links], [3_000_000, 7, 2]);
});

test('writeErofs() keeps hard links one file, and links with the longest targets', () => {
  const target = 'x'.repeat(440);
  const seen = walk([
    { path: 'a', content: 'x' },
    { path: 'b', type: 'hardlink', linkPath: 'a' },
    ...Array.from({ length: 40 }, (_, index) => ({
      path: `l${index}`,
      type: 'symlink' as const,
      linkPath: target,
    })),
  ]);
  assert.deepEqual([seen.get('/a')?.links, seen.get('/a')], [2, { ...seen.get('/b'), path: '/a' }]);
  assert.equal(seen.get('/l39')?.target, target);
});

test('writeErofs() keeps a link with a target longer than a block', () => {
  const target = 'y/'.repeat(2000);
  assert.equal(walk([{ path: 'l', type: 'symlink', linkPath: target }]).get('/l')?.size, target.length);
});

test('writeErofs() tells which directories were not described', () => {
  const { index, bytes } = indexOf(tarOf([{ path: 'a/', type: 'directory' }, { path: 'a/b/c/f' }]));
  assert.deepEqual(
    index.implicit.map(({ path }) => path),
    ['', 'a/b', 'a/b/c'],
  );
  for (const { inodeOffset } of index.implicit) assert.equal(bytes.readBigInt64LE(inodeOffset + 32), 42n);
  assert.deepEqual([index.inodes, index.contentBytes], [4, 0]);
});

test('writeErofs() makes whiteouts what overlayfs takes for them', () => {
  const seen = walk([{ path: 'd/.wh.gone' }, { path: '.wh.both' }, { path: 'both/', type: 'directory' }]);
  assert.equal(seen.get('/d/gone')?.mode, 0o020000);
  assert.equal(seen.has('/d/.wh.gone'), false);
  assert.equal(seen.get('/both')?.mode, 0o040644);
});

test('LayerTree follows links inside the tree only, and ends where they go round', () => {
  const seen = walk([
    { path: 'real/', type: 'directory' },
    { path: 'out', type: 'symlink', linkPath: '../../../../real' },
    { path: 'out/f', content: 'x' },
  ]);
  assert.ok(seen.has('/real/f'));
  for (const linkPath of ['round', '../round', '/round']) {
    assert.throws(() => walk([{ path: 'round', type: 'symlink', linkPath }, { path: 'round/f' }]), {
      kind: 'invalid',
      message: 'cannot unpack "round/f": Too many levels of symbolic links',
    });
  }
});

for (const [what, entries, message] of [
  ['a name that leads out', [{ path: '../f' }], /leads out of the archive/],
  ['a hard link out', [{ path: 'f', type: 'hardlink', linkPath: '../etc/shadow' }], /leads out/],
  ['a hard link to nothing', [{ path: 'f', type: 'hardlink', linkPath: 'etc/shadow' }], /No such file/],
  [
    'a hard link to a directory',
    [
      { path: 'd/', type: 'directory' },
      { path: 'f', type: 'hardlink', linkPath: 'd' },
    ],
    /directory/,
  ],
  ['a file as directory', [{ path: 'f' }, { path: 'f/g' }], /Not a directory/],
  ['a root that is a link', [{ path: './', type: 'symlink', linkPath: '/etc' }], /root is no directory/],
  ['a whiteout of the parent', [{ path: 'd/.wh...' }], /whiteout of nothing/],
  ['a whiteout with content', [{ path: '.wh.f', content: 'x' }], /has content/],
  ['a component of 256 bytes', [{ path: 'n'.repeat(256) }], /too long/],
] as const satisfies readonly (readonly [string, readonly Entry[], RegExp])[]) {
  test(`LayerTree refuses ${what}`, () => {
    assert.throws(() => indexOf(tarOf(entries)), { kind: 'invalid', message });
  });
}

test('LayerTree refuses more undescribed directories than any tool makes', () => {
  const deep = (index: number): Entry => ({ path: `${index}/${'d/'.repeat(1900)}f` });
  assert.throws(() => indexOf(tarOf(Array.from({ length: 40 }, (_, index) => deep(index)))), {
    kind: 'invalid',
    message: /too many directories/,
  });
});

test('an index of a damaged archive is whole, or the archive is refused', () => {
  const seen = fuzzIndex({ seed: 20_261_127, rounds: 600 });
  assert.ok(seen.taken > 30 && seen.refused > 30, JSON.stringify(seen));
});
