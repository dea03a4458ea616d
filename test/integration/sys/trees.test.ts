import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { copyTree } from '#sys/copy-tree';
import { linuxMounts } from '#sys/mount';
import { removeTree } from '#sys/remove-tree';
import { treeUsage } from '#sys/tree-usage';
import { getXattr, setXattr } from '#sys/xattr';
import { rootMissing } from '../../support/image-engine.ts';

const skip = rootMissing();
let base = '';
let count = 0;

before(() => {
  base = mkdtempSync(join(tmpdir(), 'quai-trees-'));
});
after(() => {
  assert.ok(removeTree(base));
});

function fresh(name: string): string {
  count += 1;
  const path = join(base, `${count}-${name}`);
  mkdirSync(path);
  return path;
}

/** Makes nested directories deeper than a path can be long. */
function makeDeep(top: string, levels: number): void {
  const script =
    'import os,sys\nos.chdir(sys.argv[1])\nfor i in range(int(sys.argv[2])):\n os.mkdir("deep"*20); os.chdir("deep"*20)\nopen("f","w").close()';
  execFileSync('python3', ['-c', script, top, String(levels)]);
}

test('copyTree() copies owners, modes, times, links, devices, attributes, and those of the directory itself', {
  skip,
}, () => {
  const root = fresh('root');
  const source = join(root, 'data');
  mkdirSync(join(source, 'sub/deep'), { recursive: true });
  writeFileSync(join(source, 'f'), 'content');
  chownSync(join(source, 'f'), 11, 12);
  chmodSync(join(source, 'f'), 0o4750);
  setXattr(join(source, 'f'), 'user.k', Buffer.from('v'));
  utimesSync(join(source, 'f'), 100, 200);
  linkSync(join(source, 'f'), join(source, 'sub/hard'));
  symlinkSync('/etc/passwd', join(source, 'soft'));
  execFileSync('mknod', [join(source, 'null'), 'c', '1', '3']);
  execFileSync('mkfifo', [join(source, 'pipe')]);
  writeFileSync(join(source, 'sub/deep/big'), Buffer.alloc(3_000_000, 'x'));
  chownSync(join(source, 'sub'), 5, 6);
  chmodSync(join(source, 'sub'), 0o2770);
  chownSync(source, 999, 998);
  chmodSync(source, 0o1777);
  const target = fresh('volume');

  assert.equal(copyTree({ root, path: '/data', destination: target }), true);

  const file = statSync(join(target, 'f'));
  assert.deepEqual(
    [file.uid, file.gid, file.mode & 0o7777, file.mtimeMs, file.nlink],
    [11, 12, 0o4750, 200_000, 2],
  );
  assert.equal(getXattr(join(target, 'f'), 'user.k')?.toString(), 'v');
  assert.equal(statSync(join(target, 'sub/hard')).ino, file.ino);
  assert.equal(readlinkSync(join(target, 'soft')), '/etc/passwd');
  assert.equal(lstatSync(join(target, 'null')).rdev, 0x103);
  assert.ok(lstatSync(join(target, 'pipe')).isFIFO());
  assert.equal(statSync(join(target, 'sub/deep/big')).size, 3_000_000);
  const sub = statSync(join(target, 'sub'));
  assert.deepEqual([sub.uid, sub.gid, sub.mode & 0o7777], [5, 6, 0o2770]);
  const top = statSync(target);
  assert.deepEqual([top.uid, top.gid, top.mode & 0o7777], [999, 998, 0o1777]);
});

test('copyTree() says when there is nothing to copy, and leaves a full directory alone', { skip }, () => {
  const root = fresh('root');
  mkdirSync(join(root, 'dir'), { mode: 0o700 });
  writeFileSync(join(root, 'dir/new'), '');
  writeFileSync(join(root, 'file'), '');
  const target = fresh('volume');
  chmodSync(target, 0o755);
  assert.equal(copyTree({ root, path: '/missing', destination: target }), false);
  assert.equal(copyTree({ root, path: '/file', destination: target }), false);
  writeFileSync(join(target, 'old'), '');
  assert.equal(copyTree({ root, path: '/dir', destination: target }), true);
  assert.deepEqual(readdirSync(target), ['old']);
  assert.equal(statSync(target).mode & 0o777, 0o755);
});

// CVE-2022-23648: the path of a volume in an image was followed out of it.
for (const link of ['/canary', '../canary', '../../../../../../canary', '/proc/self/root']) {
  test(`copyTree() resolves a link to ${link} inside of the root`, { skip }, () => {
    const root = fresh('root');
    writeFileSync(join(base, 'secret'), 'host');
    mkdirSync(join(base, 'canary'), { recursive: true });
    writeFileSync(join(base, 'canary/secret'), 'host');
    symlinkSync(link, join(root, 'vol'));
    const target = fresh('volume');
    assert.equal(copyTree({ root, path: '/vol', destination: target }), false);
    assert.deepEqual(readdirSync(target), []);
    mkdirSync(join(root, 'canary'));
    writeFileSync(join(root, 'canary/own'), 'container');
    copyTree({ root, path: '/vol', destination: target });
    assert.ok(!existsSync(join(target, 'secret')));
    if (link !== '/proc/self/root') assert.deepEqual(readdirSync(target), ['own']);
  });
}

test('copyTree() copies links in the tree as links and never what they point at', { skip }, () => {
  const root = fresh('root');
  mkdirSync(join(root, 'd'));
  symlinkSync(base, join(root, 'd/out'));
  const target = fresh('volume');
  copyTree({ root, path: 'd', destination: target });
  assert.ok(lstatSync(join(target, 'out')).isSymbolicLink());
});

test('copyTree() refuses a tree of hostile depth, and stops when asked', { skip }, () => {
  const root = fresh('root');
  makeDeep(root, 1100);
  assert.throws(() => copyTree({ root, path: '/', destination: fresh('volume') }), { code: 'ENAMETOOLONG' });
  const wide = fresh('wide');
  for (let index = 0; index < 70; index += 1) writeFileSync(join(wide, `f${index}`), '');
  assert.throws(() => copyTree({ root: wide, path: '/', destination: fresh('volume') }, () => true), {
    code: 'ECANCELED',
  });
  assert.ok(removeTree(root));
});

test('removeTree() removes a tree deeper than any path, and follows no link', { skip }, () => {
  const top = fresh('top');
  const canary = fresh('canary');
  writeFileSync(join(canary, 'f'), 'x');
  makeDeep(top, 300);
  symlinkSync(canary, join(top, 'link'));
  assert.equal(removeTree(top), true);
  assert.ok(!existsSync(top));
  assert.ok(existsSync(join(canary, 'f')));
  assert.equal(removeTree(top), true);
  symlinkSync(canary, top);
  assert.equal(removeTree(top), true);
  assert.ok(existsSync(join(canary, 'f')));
});

test('removeTree() does not touch what is mounted on the tree, or in it', { skip }, () => {
  const canary = fresh('canary');
  writeFileSync(join(canary, 'f'), 'x');
  const top = fresh('top');
  mkdirSync(join(top, 'below'));
  for (const place of [top, join(top, 'below')]) {
    linuxMounts.mount(place, { type: 'bind', source: canary, options: ['bind'] });
    try {
      assert.throws(() => removeTree(top), /EBUSY|EXDEV/);
      assert.ok(existsSync(join(canary, 'f')), place);
    } finally {
      linuxMounts.unmount(place);
    }
  }
  assert.equal(removeTree(top), true);
  assert.ok(existsSync(join(canary, 'f')));
});

test('removeTree() removes immutable files', { skip }, () => {
  const top = fresh('top');
  mkdirSync(join(top, 'd'));
  writeFileSync(join(top, 'd/f'), 'x');
  try {
    execFileSync('chattr', ['+i', join(top, 'd/f'), join(top, 'd')], { stdio: 'ignore' });
  } catch {
    return; // the file system has no such flag
  }
  assert.equal(removeTree(top), true);
  assert.ok(!existsSync(top));
});

test('removeTree() does not enter a mount', { skip }, () => {
  const top = fresh('top');
  const canary = fresh('canary');
  writeFileSync(join(canary, 'f'), 'x');
  mkdirSync(join(top, 'd/mnt'), { recursive: true });
  linuxMounts.mount(join(top, 'd/mnt'), { type: 'bind', source: canary, options: ['bind'] });
  try {
    assert.throws(() => removeTree(top), { code: /EBUSY|EXDEV/ });
    assert.ok(existsSync(join(canary, 'f')));
  } finally {
    linuxMounts.unmount(join(top, 'd/mnt'));
  }
  assert.equal(removeTree(top), true);
});

test('removeTree() stops at its budget of entries or bytes, and goes on when called again', { skip }, () => {
  const top = fresh('top');
  for (let index = 0; index < 30; index += 1) writeFileSync(join(top, `f${index}`), '');
  assert.equal(removeTree(top, { maxEntries: 10 }), false);
  assert.equal(readdirSync(top).length, 20);
  writeFileSync(join(top, 'big'), Buffer.alloc(100_000, 'x'));
  assert.equal(removeTree(top, { maxFileBytes: 50_000 }), false);
  assert.ok(existsSync(join(top, 'big')));
  assert.equal(removeTree(top), true);
});

test('treeUsage() counts a file with several names once, and no link', { skip }, () => {
  const top = fresh('top');
  mkdirSync(join(top, 'd'));
  writeFileSync(join(top, 'd/f'), Buffer.alloc(1000));
  linkSync(join(top, 'd/f'), join(top, 'hard'));
  symlinkSync('/usr', join(top, 'l'));
  assert.deepEqual(treeUsage(top)?.sizeBytes, 1004);
  assert.equal(treeUsage(top)?.inodes, 3);
  assert.equal(
    treeUsage(top, () => true),
    undefined,
  );
});
