import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureDirectoryInRoot, openInRoot, readFileInRoot, resolveInRoot } from './openat2.ts';

const OWNER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const BOUND = { maxBytes: 1000 };

test('openInRoot() follows links as from inside the root', () => {
  using tree = untrustedTree();
  symlinkSync('/real/file', join(tree.root, 'absolute'));
  symlinkSync('../../../../real/file', join(tree.root, 'upwards'));
  mkdirSync(join(tree.root, 'real'));
  writeFileSync(join(tree.root, 'real/file'), 'inside');

  for (const name of ['absolute', 'upwards', '../../real/file']) {
    const fd = openInRoot(tree.root, name, constants.O_RDONLY);
    assert.equal(readFileSync(fd, 'utf8'), 'inside');
    closeSync(fd);
  }
});

test('openInRoot() never leads out of the root', () => {
  using tree = untrustedTree();
  symlinkSync(tree.canary, join(tree.root, 'out'));
  symlinkSync(`../${'canary'}`, join(tree.root, 'up'));
  for (const name of ['out', 'up', '../canary', tree.canary]) {
    assert.throws(() => openInRoot(tree.root, name, constants.O_RDONLY), { code: 'ENOENT' }, name);
  }
});

test('openInRoot() refuses the magic links of procfs', () => {
  assert.throws(() => openInRoot('/proc', 'self/root', constants.O_RDONLY), { code: 'ELOOP' });
  assert.throws(() => openInRoot('/proc', 'self/cwd/x', constants.O_RDONLY), { code: 'ELOOP' });
});

test('readFileInRoot() reads small regular files only', () => {
  using tree = untrustedTree();
  writeFileSync(join(tree.root, 'small'), 'x'.repeat(1000));
  writeFileSync(join(tree.root, 'large'), 'x'.repeat(1001));
  symlinkSync(tree.canary, join(tree.root, 'out'));
  mkdirSync(join(tree.root, 'folder'));

  assert.equal(readFileInRoot(tree.root, '/small', BOUND)?.length, 1000);
  assert.throws(() => readFileInRoot(tree.root, '/large', BOUND), RangeError);
  symlinkSync('loop', join(tree.root, 'loop'));
  for (const name of ['missing', 'out', 'folder', 'small/x', 'loop']) {
    assert.equal(readFileInRoot(tree.root, name, BOUND), undefined, name);
  }
});

test('resolveInRoot() says where a path is, also where nothing is, and makes nothing', () => {
  using tree = untrustedTree();
  mkdirSync(join(tree.root, 'real'));
  symlinkSync('/real', join(tree.root, 'absolute'));
  symlinkSync('../../../proc/self', join(tree.root, 'real/dangling'));
  symlinkSync('loop', join(tree.root, 'loop'));

  assert.equal(resolveInRoot(tree.root, '/absolute/x/../y'), '/real/y');
  assert.equal(resolveInRoot(tree.root, 'absolute/dangling/attr'), '/proc/self/attr');
  assert.equal(resolveInRoot(tree.root, '/../../missing/./file'), '/missing/file');
  assert.equal(resolveInRoot(tree.root, '/'), '/');
  assert.throws(() => resolveInRoot(tree.root, '/loop/x'), { code: 'ELOOP' });
  assert.ok(!existsSync(join(tree.root, 'proc')));
});

test('resolveInRoot() gives up where links would hold the engine up for seconds', () => {
  using tree = untrustedTree();
  const deep = '/a'.repeat(500);
  mkdirSync(join(tree.root, deep), { recursive: true });
  for (let link = 0; link < 39; link += 1) {
    symlinkSync(`${deep}/${link + 1}`, join(tree.root, deep, String(link)));
  }
  assert.throws(() => resolveInRoot(tree.root, `${deep}/0`), { code: 'ELOOP' });
});

test('ensureDirectoryInRoot() makes what is missing, through links, inside the root', () => {
  using tree = untrustedTree();
  symlinkSync('/made/by/link', join(tree.root, 'link'));
  symlinkSync('../../../..', join(tree.root, 'up'));
  symlinkSync(tree.outside, join(tree.root, 'out'));

  assert.equal(ensureDirectoryInRoot(tree.root, '/a//b/./c/', OWNER), '/a/b/c');
  assert.equal(ensureDirectoryInRoot(tree.root, '/a/b/../d', OWNER), '/a/d');
  assert.equal(ensureDirectoryInRoot(tree.root, 'link/x', OWNER), '/made/by/link/x');
  assert.equal(ensureDirectoryInRoot(tree.root, '/up/etc', OWNER), '/etc');
  assert.equal(ensureDirectoryInRoot(tree.root, '/out/escape', OWNER), `${tree.outside}/escape`);
  assert.equal(ensureDirectoryInRoot(tree.root, '/', OWNER), '/');

  assert.ok(existsSync(join(tree.root, 'made/by/link/x')));
  assert.ok(existsSync(join(tree.root, tree.outside, 'escape')));
  assert.ok(!existsSync(join(tree.outside, 'escape')), 'made outside of the root');
});

test('ensureDirectoryInRoot() refuses circles and files', () => {
  using tree = untrustedTree();
  symlinkSync('b', join(tree.root, 'a'));
  symlinkSync('a', join(tree.root, 'b'));
  writeFileSync(join(tree.root, 'file'), '');

  assert.throws(() => ensureDirectoryInRoot(tree.root, '/a/x', OWNER), { code: 'ELOOP' });
  assert.throws(() => ensureDirectoryInRoot(tree.root, '/file/x', OWNER), { code: 'ENOTDIR' });
});

/** A root with a canary beside it that must not be reached. */
function untrustedTree() {
  const outside = mkdtempSync(join(tmpdir(), 'quai-root-'));
  const root = join(outside, 'root');
  const canary = join(outside, 'canary');
  mkdirSync(root);
  writeFileSync(canary, 'secret');
  return { root, outside, canary, [Symbol.dispose]: () => rmSync(outside, { recursive: true }) };
}
