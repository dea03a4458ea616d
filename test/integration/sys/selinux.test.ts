import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { linuxMounts } from '#sys/mount';
import { relabelTree } from '#sys/selinux';
import { getXattr } from '#sys/xattr';
import { rootMissing } from '../../support/image-engine.ts';

const skip = rootMissing();
const CONTEXT = 'system_u:object_r:container_file_t:s0';
let base = '';

before(() => {
  base = mkdtempSync(join(tmpdir(), 'quai-selinux-'));
});

after(() => rmSync(base, { recursive: true, force: true }));

function labelOf(path: string): string | undefined {
  return getXattr(path, 'security.selinux')?.toString();
}

// Without SELinux the kernel keeps such attributes as they are given: what would be labelled can be seen on any host.
test('relabelTree() labels everything below, links themselves, and nothing that a link or a mount leads to', {
  skip,
}, () => {
  const tree = join(base, 'tree');
  const canary = join(base, 'canary');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  mkdirSync(join(tree, 'mounted'));
  mkdirSync(canary);
  for (const path of [join(tree, 'a/b/file'), join(tree, 'name\nof ä'), join(canary, 'file')])
    writeFileSync(path, '');
  symlinkSync(canary, join(tree, 'a/out'));
  symlinkSync('/etc/passwd', join(tree, 'passwd'));
  linuxMounts.mount(join(tree, 'mounted'), { type: 'tmpfs', source: 'x', options: [] });
  try {
    writeFileSync(join(tree, 'mounted/file'), '');
    assert.equal(relabelTree(tree, CONTEXT), 'done');
    assert.notEqual(labelOf(join(tree, 'mounted/file')), `${CONTEXT}\0`);
  } finally {
    linuxMounts.unmount(join(tree, 'mounted'));
  }
  for (const path of ['', 'a', 'a/b', 'a/b/file', 'name\nof ä', 'a/out', 'passwd'])
    assert.equal(labelOf(join(tree, path)), `${CONTEXT}\0`, path);
  for (const path of [canary, join(canary, 'file'), '/etc/passwd'])
    assert.notEqual(labelOf(path), `${CONTEXT}\0`, path);
});

test('relabelTree() follows a link at the top, and sees where it leads', { skip }, () => {
  const file = join(base, 'file');
  writeFileSync(file, '');
  symlinkSync(file, join(base, 'to-file'));
  symlinkSync('/etc', join(base, 'to-etc'));
  assert.equal(relabelTree(join(base, 'to-file'), CONTEXT), 'done');
  assert.equal(labelOf(file), `${CONTEXT}\0`);
  assert.equal(relabelTree(join(base, 'to-etc'), CONTEXT), 'protected');
  assert.equal(labelOf('/etc'), undefined);
});

test('relabelTree() says where there are no labels, and stops when asked', { skip }, () => {
  assert.equal(relabelTree('/proc/version', CONTEXT), 'unsupported');
  const wide = join(base, 'wide');
  mkdirSync(wide);
  for (let index = 0; index < 70; index += 1) writeFileSync(join(wide, `f${index}`), '');
  assert.throws(() => relabelTree(wide, CONTEXT, () => true), { code: 'ECANCELED' });
});
