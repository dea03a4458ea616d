import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import { TarParser } from '../tar/tar-parser.ts';
import { TAR_END, type TarEntryInit, tarEntry } from '../tar/tar-writer.ts';
import { type ErofsIndex, writeErofs } from './erofs-writer.ts';
import { LayerTree } from './layer-tree.ts';
import { type IndexedFile, walkIndex } from './walk-index.ts';

type Entry = TarEntryInit & { readonly content?: string };

const UUID = Buffer.alloc(16, 7);

function indexOf(tar: Buffer): { readonly index: ErofsIndex; readonly bytes: Buffer } {
  const tree = new LayerTree();
  const parser = new TarParser(tree);
  parser.write(tar);
  parser.end();
  const parts: Buffer[] = [];
  const index = writeErofs(tree.root, {
    tarBytes: tar.length,
    uuid: UUID,
    now: 42,
    write: bytes => void parts.push(Buffer.from(bytes)),
  });
  return { index, bytes: Buffer.concat(parts) };
}

const tarOf = (entries: readonly Entry[]): Buffer =>
  Buffer.concat([...entries.map(entry => tarEntry(entry, entry.content)), TAR_END]);

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

const SEED = 20_261_127;
/** `QUAI_FUZZ_ROUNDS=1000000` for longer. */
const ROUNDS = Number(process.env['QUAI_FUZZ_ROUNDS'] ?? 600);

/** mulberry32: the same damage on every machine. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const GOOD = tarOf([
  { path: 'd/', type: 'directory', xattrs: new Map([['user.a', Buffer.from('b')]]) },
  { path: 'd/f', content: 'content'.repeat(100), mtimeSeconds: 1.5 },
  { path: 'd/e/g', content: 'x' },
  { path: 'l', type: 'symlink', linkPath: 'd/e' },
  { path: 'l/through', content: 'y' },
  { path: 'h', type: 'hardlink', linkPath: 'd/f' },
  { path: 'd/.wh.gone' },
  { path: 'd/e/.wh..wh..opq' },
  { path: 'dev', type: 'block', deviceMajor: 8, deviceMinor: 1 },
]);

function damaged(below: (limit: number) => number): Buffer {
  const bytes = Buffer.from(GOOD);
  for (let count = 1 + below(6); count > 0; count -= 1) {
    const block = below(bytes.length / 512) * 512;
    // Mostly in names, where it gets furthest.
    const at = below(3) > 0 ? block + below(12) : block + below(512);
    bytes[at] = below(2) === 0 ? (Buffer.from('/.dl\0')[below(5)] ?? 0) : below(256);
  }
  for (let offset = 0; offset < bytes.length; offset += 512) {
    const block = bytes.subarray(offset, offset + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(' ', 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return bytes;
}

test('an index of a damaged archive is whole, or the archive is refused', () => {
  const below = random(SEED);
  const seen = { taken: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const tar = damaged(below);
    try {
      walkIndex(indexOf(tar).bytes, { tarBytes: tar.length });
      seen.taken += 1;
    } catch (error) {
      assert.ok(error instanceof EngineError && error.kind === 'invalid', `round ${round}: ${String(error)}`);
      seen.refused += 1;
    }
  }
  assert.ok(seen.taken > ROUNDS / 20 && seen.refused > ROUNDS / 20, JSON.stringify(seen));
});
