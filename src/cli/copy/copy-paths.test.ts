import assert from 'node:assert/strict';
import { test } from 'node:test';
import { landingOf, parsePlace, splitLast } from './copy-paths.ts';

for (const [text, place] of [
  ['box:/etc', { container: 'box', path: '/etc' }],
  ['box:', { container: 'box', path: '' }],
  ['box:a:b', { container: 'box', path: 'a:b' }],
  ['/a:b', { path: '/a:b' }],
  ['./a:b', { path: './a:b' }],
  ['../a:b', { path: '../a:b' }],
  ['plain', { path: 'plain' }],
  ['-', { path: '-' }],
] as const) {
  test(`parsePlace() of ${text}`, () => assert.deepEqual(parsePlace(text), place));
}

for (const [text, folder, name] of [
  ['/a/b', '/a', 'b'],
  ['/a/b/', '/a', 'b'],
  ['/a/b/.', '/a/b', '.'],
  ['/a', '/', 'a'],
  ['/', '/', '/'],
  ['/.', '/', '.'],
  ['a', '.', 'a'],
] as const) {
  test(`splitLast() of ${text}`, () => assert.deepEqual(splitLast(text), { folder, name }));
}

const file = { path: '/s/file', isDirectory: false, name: 'file' };
const directory = { path: '/s/dir', isDirectory: true, name: 'dir' };
const content = { path: '/s/dir/.', isDirectory: true, name: '.' };

for (const [what, source, target, landing] of [
  ['a file into a folder', file, ['/t', 'folder'], ['/t', 'file']],
  ['a file over a file', file, ['/t/x', 'file'], ['/t', 'x']],
  ['a file that is new', file, ['/t/x', 'none'], ['/t', 'x']],
  ['a folder into a folder', directory, ['/t', 'folder'], ['/t', 'dir']],
  ['a folder that is new', directory, ['/t/x', 'none'], ['/t', 'x']],
  ['the content of a folder into one', content, ['/t', 'folder'], ['/t', '.']],
  ['the content of a folder as one that is new', content, ['/t/x', 'none'], ['/t', 'x']],
  ['a folder over a file', directory, ['/t/x', 'file'], 'cannot copy directory'],
  ['a file into a folder that is not there', file, ['/t/x/', 'none'], 'no such directory'],
] as const) {
  test(`landingOf() ${what}`, () => {
    const [path, kind] = target;
    const destination = { path, exists: kind !== 'none', isDirectory: kind === 'folder' };
    if (typeof landing === 'string')
      assert.throws(() => landingOf(source, destination), { message: landing });
    else assert.deepEqual(landingOf(source, destination), { folder: landing[0], name: landing[1] });
  });
}
