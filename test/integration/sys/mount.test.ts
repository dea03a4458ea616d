import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isMountPoint, linuxMounts, listMountsBelow } from '#sys/mount';
import { rootMissing } from '../../support/image-engine.ts';

const skip = rootMissing();
let base = '';

before(() => {
  base = mkdtempSync(join(tmpdir(), 'quai-mount-'));
});
after(() => {
  for (const { target } of listMountsBelow(base)) linuxMounts.unmount(target);
  rmSync(base, { recursive: true });
});

function directory(name: string): string {
  const path = join(base, name);
  mkdirSync(path, { recursive: true });
  return path;
}

test('detach() takes a mount out of the tree at once, and has let go of it when it resolves', {
  skip,
}, async () => {
  const target = directory('detached');
  const store = directory('store');
  linuxMounts.mount(store, { type: 'tmpfs', source: 'store', options: [] });
  for (const name of ['lower', 'upper', 'work']) mkdirSync(join(store, name));
  const layers = `lowerdir=${store}/lower,upperdir=${store}/upper,workdir=${store}/work`;
  linuxMounts.mount(target, { type: 'overlay', source: 'overlay', options: [layers] });
  writeFileSync(join(target, 'file'), 'kept');
  const detached = linuxMounts.detach(target);
  assert.equal(isMountPoint(target), false);
  await detached;
  assert.equal(readFileSync(join(store, 'upper/file'), 'utf8'), 'kept');
  linuxMounts.mount(store, { type: 'tmpfs', source: 'store', options: ['remount', 'ro'] }); // EBUSY while it is in use
  linuxMounts.unmount(store);
  await linuxMounts.detach(target); // nothing there any more
  await linuxMounts.detach(join(base, 'never there'));
});

test('mount() takes flags and options together; unmount() takes all there is', { skip }, () => {
  const target = directory('tmpfs with blank');
  linuxMounts.mount(target, {
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'nodev', 'size=1m', 'mode=1777'],
  });
  linuxMounts.mount(target, { type: 'tmpfs', source: 'second', options: ['ro'] });
  assert.equal(isMountPoint(target), true);
  assert.equal(linuxMounts.isMounted(base), false);
  assert.deepEqual(
    listMountsBelow(target).map(({ source, type }) => [source, type]),
    [
      ['second', 'tmpfs'],
      ['shm', 'tmpfs'],
    ],
  );
  assert.throws(() => writeFileSync(join(target, 'f'), ''), { code: 'EROFS' });
  linuxMounts.unmount(target);
  assert.equal(isMountPoint(target), false);
  linuxMounts.unmount(target);
  linuxMounts.unmount(join(base, 'missing'));
});

test('a read-only bind is read-only, and leaves nothing when it fails', { skip }, () => {
  const source = directory('source');
  const target = directory('target');
  writeFileSync(join(source, 'f'), 'x');
  linuxMounts.mount(target, { type: 'bind', source, options: ['rbind', 'ro', 'nosuid'] });
  assert.throws(() => writeFileSync(join(target, 'f'), ''), { code: 'EROFS' });
  writeFileSync(join(source, 'f'), 'y');
  linuxMounts.unmount(target);
  assert.throws(
    () => linuxMounts.mount(target, { type: 'bind', source: join(base, 'no'), options: ['bind'] }),
    { code: 'ENOENT' },
  );
  assert.equal(isMountPoint(target), false);
});

test('unmount() does not follow a link', { skip }, () => {
  const target = directory('linked');
  linuxMounts.mount(target, { type: 'tmpfs', source: 'tmpfs', options: [] });
  symlinkSync(target, join(base, 'link'));
  linuxMounts.unmount(join(base, 'link'));
  assert.equal(isMountPoint(target), true);
  linuxMounts.unmount(target);
});

for (const layers of [2, 40, 127, 300]) {
  test(`an overlay of ${layers} layers with long names is mounted`, { skip }, () => {
    const top = directory(`overlay-${layers}`);
    const long = 'n'.repeat(60);
    const lowers = Array.from({ length: layers }, (_, index) =>
      directory(`overlay-${layers}/${long}:${index}`),
    );
    for (const [index, lower] of lowers.entries()) writeFileSync(join(lower, `f${index}`), String(index));
    const target = directory(`overlay-${layers}/merged`);
    const options = [
      'index=off',
      `lowerdir=${lowers.map(path => path.replaceAll(':', '\\:')).join(':')}`,
      `upperdir=${directory(`overlay-${layers}/upper`)}`,
      `workdir=${directory(`overlay-${layers}/work`)}`,
    ];
    linuxMounts.mount(target, { type: 'overlay', source: 'overlay', options });
    try {
      assert.equal(readFileSync(join(target, `f${layers - 1}`), 'utf8'), String(layers - 1));
      writeFileSync(join(target, 'f0'), 'changed');
      assert.equal(readFileSync(join(top, 'upper/f0'), 'utf8'), 'changed');
    } finally {
      linuxMounts.unmount(target);
    }
  });
}

test('setPropagation() makes a mount private', { skip }, () => {
  const target = directory('private');
  linuxMounts.mount(target, { type: 'tmpfs', source: 'tmpfs', options: [] });
  linuxMounts.setPropagation(target, 'shared');
  const line = (): string =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find(text => text.includes(target)) ?? '';
  assert.match(line(), / shared:/);
  linuxMounts.setPropagation(target, 'private', { isRecursive: true });
  assert.doesNotMatch(line(), / shared:/);
  linuxMounts.unmount(target);
});
