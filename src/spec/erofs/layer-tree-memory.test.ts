import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TarEntry } from '../tar/tar-entry.ts';
import { writeErofs } from './erofs-writer.ts';
import { LayerTree } from './layer-tree.ts';

const COUNT = 20_000;
const FEW_BYTES = 10_000;
const PIECES = Array.from({ length: 500 }, (_, nth) => ({ offset: 3e9 + nth * 2, length: 1 }));
const FILE: TarEntry = {
  path: 'f',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 512,
  contentOffset: 5_000_000_000,
  mtimeSeconds: 1_700_000_000,
  mtimeNanos: 1,
  linkPath: '',
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map(),
};

/** As a parser makes them: strings of their own, not pieces of others. */
function own(text: string): string {
  return Buffer.from(text).toString('latin1');
}

const SHAPES: Readonly<Record<string, (nth: number) => TarEntry>> = {
  'files of one directory': nth => ({ ...FILE, path: own(`d/file-${nth}`), contentOffset: 5e9 + nth * 1024 }),
  'files with a directory each': nth => ({ ...FILE, path: own(`d/${nth}/f`) }),
  directories: nth => ({ ...FILE, type: 'directory', size: 0, path: own(`d/directory-${nth}`) }),
  links: nth => ({
    ...FILE,
    type: 'symlink',
    size: 0,
    path: own(`d/${nth}`),
    linkPath: own('x'.repeat(200)),
  }),
  'names of one file': nth =>
    nth === 0 ? FILE : { ...FILE, type: 'hardlink', size: 0, path: own(`d/${nth}`), linkPath: 'f' },
  deletions: nth => ({ ...FILE, size: 0, path: own(`d/.wh.${nth}`) }),
  'files with attributes': nth => ({
    ...FILE,
    path: own(`d/${nth}`),
    xattrs: new Map([[own('user.name'), Buffer.allocUnsafeSlow(4)]]),
  }),
  // Not more than an index can address.
  'files in pieces': nth => ({
    ...FILE,
    path: own(`d/${nth}`),
    size: nth % 50 === 0 ? 500 : 0,
    ...(nth % 50 === 0 && { sparse: { realSize: 4e9, segments: PIECES.map(piece => ({ ...piece })) } }),
  }),
};

describe('LayerTree', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  /** Once nothing more is freed: with each collection V8 also drops code of other tests that has not run for a while. */
  const heapBytes = (): number => {
    for (let before = Number.POSITIVE_INFINITY; ; ) {
      collectGarbage();
      const { heapUsed } = process.memoryUsage();
      if (heapUsed >= before - FEW_BYTES) return heapUsed;
      before = heapUsed;
    }
  };

  for (const [what, entryOf] of Object.entries(SHAPES)) {
    test(`what ${what} take of the heap, with the index of them, is not more than is counted`, () => {
      const tree = new LayerTree();
      const before = heapBytes();
      for (let nth = 0; nth < COUNT; nth += 1) tree.entry(entryOf(nth));
      let most = 0;
      const write = (): void => {
        most = Math.max(most, most === 0 ? heapBytes() : 0);
      };
      writeErofs(tree.root, { tarBytes: 1e11, uuid: Buffer.alloc(16), now: 0, write });
      const taken = most - before;
      assert.ok(taken < tree.memoryBytes, `${taken / COUNT} and not ${tree.memoryBytes / COUNT} each`);
      assert.ok(taken > 0);
    });
  }

  test('refuses more than fits into the memory of a thread, in words', () => {
    const tree = new LayerTree({ mostMemoryBytes: 100_000 });
    assert.throws(
      () => {
        for (let nth = 0; nth < 1000; nth += 1) tree.entry({ ...FILE, path: `f${nth}` });
      },
      {
        kind: 'invalid',
        message: /^cannot unpack "f2\d\d": the archive has more files than one layer may have$/,
      },
    );
  });
});
