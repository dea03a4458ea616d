import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TarEntry } from '../tar/tar-entry.ts';
import { LayerDirectory, pathOf } from './layer-node.ts';
import { LayerTree } from './layer-tree.ts';

function entry(path: string, change: Partial<TarEntry> = {}): TarEntry {
  return {
    path,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    contentOffset: 0,
    mtimeSeconds: 0,
    mtimeNanos: 0,
    linkPath: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
    ...change,
  };
}

test('a path leads through 40 links at the most, as for the kernel, not through 40 at each step', () => {
  const tree = new LayerTree();
  tree.entry(entry('d/', { type: 'directory' }));
  tree.entry(entry('d/l', { type: 'symlink', linkPath: '.' }));
  const through = (links: number): string => `d/${'l/'.repeat(links)}x`;
  tree.entry(entry(through(40)));
  assert.throws(() => tree.entry(entry(through(41))), {
    kind: 'invalid',
    message: /Too many levels of symbolic links/,
  });
});

test('extended attributes are bounded for the whole layer', () => {
  const tree = new LayerTree();
  const xattrs = new Map([['user.x', Buffer.alloc(200_000)]]);
  const attack = (): void => {
    for (let number = 0; number < 10_000; number += 1) tree.entry(entry(`f${number}`, { xattrs }));
  };
  assert.throws(attack, { kind: 'invalid', message: /too many extended attributes/ });
  assert.ok(tree.entries > 500, 'an honest layer has fewer');
});

test('a directory that is described again keeps the attributes it had', () => {
  const tree = new LayerTree();
  const begin = performance.now();
  for (let number = 0; number < 10_000; number += 1) {
    const xattrs = new Map([[`user.${number}`, Buffer.from('x')]]);
    tree.entry(entry('d/', { type: 'directory', xattrs }));
  }
  assert.equal(tree.root.children.get('d')?.xattrs.size, 10_000);
  assert.ok(performance.now() - begin < 2000, 'not by the square');
});

test('directories that are not described are bounded by the length of their paths, too', () => {
  const tree = new LayerTree();
  const attack = (): void => {
    for (let number = 0; number < 24; number += 1) tree.entry(entry(`${number}/${'a/'.repeat(2000)}x`));
  };
  assert.throws(attack, { kind: 'invalid', message: /too many directories/ });
  assert.ok(tree.entries > 10);
});

test('pathLength is that of the path, and below links as well', () => {
  const tree = new LayerTree();
  tree.entry(entry('a/bc/', { type: 'directory' }));
  tree.entry(entry('l', { type: 'symlink', linkPath: 'a/bc' }));
  tree.entry(entry('l/def/x'));
  const pending = [tree.root];
  let seen = 0;
  for (let directory = pending.pop(); directory; directory = pending.pop()) {
    assert.equal(directory.pathLength, pathOf(directory).length, pathOf(directory));
    seen += 1;
    for (const node of directory.children.values()) if (node instanceof LayerDirectory) pending.push(node);
  }
  assert.equal(seen, 4);
});

test('links are followed for as long as an honest layer needs, and not for every name of a hostile one', () => {
  const tree = new LayerTree();
  tree.entry(entry('a/', { type: 'directory' }));
  const around = 'a/../'.repeat(800);
  for (let link = 0; link < 39; link += 1) {
    tree.entry(entry(`l${link}`, { type: 'symlink', linkPath: `${around}l${link + 1}` }));
  }
  tree.entry(entry('l39/', { type: 'directory' }));
  const attack = (): void => {
    for (let number = 0; number < 5000; number += 1) tree.entry(entry(`l0/${number}`));
  };
  assert.throws(attack, { kind: 'invalid', message: /links lead a long way/ });
  assert.ok(tree.entries < 1000);
});
