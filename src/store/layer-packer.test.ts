import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { frameLayer, proveLayer } from './layer-packer.ts';

const BIG = 'big '.repeat(1000);

/** A layer with a tree of its index, and one of what was packed, where `change` may differ. */
async function proof(change: (packed: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quai-proof-'));
  try {
    writeFileSync(
      join(folder, 'layer.tar'),
      Buffer.concat([tarEntry({ path: 'small' }, 'x'), tarEntry({ path: 'big' }, BIG), TAR_END]),
    );
    const trees = ['indexed', 'packed'].map(name => join(folder, name));
    for (const tree of trees) {
      mkdirSync(tree);
      writeFileSync(join(tree, 'small'), 'x');
      writeFileSync(join(tree, 'big'), BIG);
    }
    const [indexed = '', packed = ''] = trees;
    change(packed);
    for (const tree of trees) {
      for (const path of ['small', 'big', '.']) utimesSync(join(tree, path), 1000, 1000);
    }
    const { diffId } = await frameLayer({ directory: folder }, () => false);
    await proveLayer({ directory: folder, indexed, packed, diffId }, () => false);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('proveLayer() accepts what shows the same', async () => {
  await proof(() => undefined);
});

for (const [what, change, message] of [
  [
    'a file that is rebuilt',
    (tree: string) => writeFileSync(join(tree, 'big'), BIG.toUpperCase()),
    /gives back/,
  ],
  [
    'a file that is kept in the frame',
    (tree: string) => writeFileSync(join(tree, 'small'), 'y'),
    /small: other content/,
  ],
  ['the root', (tree: string) => chmodSync(tree, 0o700), /\/\.: /],
] as const) {
  test(`proveLayer() finds a difference in ${what}`, async () => {
    await assert.rejects(proof(change), { kind: 'dataLoss', message });
  });
}
