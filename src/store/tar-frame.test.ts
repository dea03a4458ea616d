import assert from 'node:assert/strict';
import { mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LayerTree } from '#spec/erofs/layer-tree';
import { TarParser } from '#spec/tar/tar-parser';
import { TAR_END, type TarEntryInit, tarEntry } from '#spec/tar/tar-writer';
import { contentsOf, rebuildTar, type TarContent, writeTarFrame } from './tar-frame.ts';

function tar(entries: readonly (TarEntryInit & { readonly content?: string })[]): Buffer {
  return Buffer.concat([...entries.map(({ content, ...entry }) => tarEntry(entry, content)), TAR_END]);
}

function contents(bytes: Buffer): TarContent[] {
  const tree = new LayerTree();
  const parser = new TarParser(tree);
  parser.write(bytes);
  parser.end();
  return contentsOf(tree.root);
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'quai-frame-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const LONG = 'content '.repeat(1000);
const ENTRIES = [
  { path: 'dir/', type: 'directory' as const },
  { path: 'dir/replaced', content: LONG },
  { path: 'dir/large', content: `${LONG}!` },
  { path: 'dir/link', type: 'hardlink' as const, linkPath: 'dir/large' },
  { path: 'dir/replaced', content: `${LONG}?` },
  { path: 'small', content: 'small' },
  { path: 'caf\u00e9', content: `${LONG}.` },
];

test('contentsOf() gives what the tree shows, each once, in the order of the tar', () => {
  const found = contents(tar(ENTRIES));
  assert.deepEqual(
    found.map(({ path, length }) => [path, length]),
    [
      ['dir/large', LONG.length + 1],
      ['dir/replaced', LONG.length + 1],
      ['caf\u00e9', LONG.length + 1],
    ],
  );
});

test('a tar comes back byte for byte from its frame and the contents', async t => {
  const at = folder(t);
  const bytes = tar(ENTRIES);
  writeFileSync(join(at, 'tar'), bytes);
  const found = contents(bytes);
  await writeTarFrame(join(at, 'tar'), bytes.length, found, join(at, 'frame'));
  const files = new Map(found.map(({ path, offset, length }, index) => [path, { offset, length, index }]));
  const open = (path: string): number => {
    const place = files.get(path) ?? assert.fail(path);
    const file = join(at, `content-${place.index}`);
    writeFileSync(file, bytes.subarray(place.offset, place.offset + place.length));
    return openSync(file, 'r');
  };
  const parts: Buffer[] = [];
  for await (const chunk of rebuildTar(join(at, 'frame'), open)) parts.push(Buffer.from(chunk));
  assert.ok(Buffer.concat(parts).equals(bytes));
  assert.ok(statSync(join(at, 'frame')).size < 20_000, 'the contents are not in it but for the replaced one');

  truncateSync(join(at, 'frame'), statSync(join(at, 'frame')).size - 20);
  const rest = async (): Promise<void> => {
    for await (const _ of rebuildTar(join(at, 'frame'), open));
  };
  await assert.rejects(rest(), { kind: 'dataLoss' });
});
