import assert from 'node:assert/strict';
import { createReadStream, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { linuxMounts } from '#sys/mount';
import { busyboxMissing, makeBusyboxArchive } from '../../support/busybox-image.ts';
import { rootMissing, startImageEngine } from '../../support/image-engine.ts';

const skip = rootMissing() || busyboxMissing();

test('load() takes in an archive of docker save; its snapshot can be mounted and written to', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  const lines: string[] = [];
  await engine.images.load(createReadStream(await makeBusyboxArchive()), line => lines.push(line));

  assert.deepEqual(lines, ['Loaded image: busybox:latest']);
  const image = engine.images.get('busybox');
  assert.deepEqual(image.config.Cmd, ['sh']);
  assert.deepEqual(image.repoTags, ['busybox:latest']);
  assert.ok(image.sizeBytes > 1_000_000);

  engine.snapshots.prepare('c1', image.snapshot);
  const target = join(engine.root, 'rootfs');
  mkdirSync(target);
  linuxMounts.mount(target, engine.snapshots.mounts('c1'));
  try {
    assert.equal(lstatSync(join(target, 'bin/sh')).ino, lstatSync(join(target, 'bin/busybox')).ino);
    assert.equal(lstatSync(join(target, 'tmp')).mode & 0o7777, 0o1777);
    writeFileSync(join(target, 'etc/passwd'), 'changed');
  } finally {
    linuxMounts.unmount(target);
  }
  const { upper, lowers } = engine.snapshots.directories('c1');
  assert.equal(readFileSync(join(upper, 'etc/passwd'), 'utf8'), 'changed');
  assert.match(readFileSync(join(lowers[0] ?? '', 'etc/passwd'), 'utf8'), /^root:/);
});
