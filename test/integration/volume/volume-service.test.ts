import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listMountsBelow } from '#sys/mount';
import { rootMissing } from '../../support/image-engine.ts';
import { startVolumes } from '../../support/volume-engine.ts';

const skip = rootMissing();

const NOBODY = { existing: new Set<string>(), running: new Set<string>() };

test('copyUp(): owners, modes and links of the image arrive, and the directory’s own', { skip }, async () => {
  await using engine = await startVolumes();
  const source = join(engine.folder, 'rootfs', 'srv');
  mkdirSync(join(source, 'deep'), { recursive: true });
  writeFileSync(join(source, 'deep', 'file'), 'content');
  chownSync(join(source, 'deep', 'file'), 1001, 1002);
  chmodSync(join(source, 'deep', 'file'), 0o4750);
  linkSync(join(source, 'deep', 'file'), join(source, 'again'));
  symlinkSync('/etc/passwd', join(source, 'link'));
  chownSync(source, 999, 998);
  chmodSync(source, 0o2770);
  const { mountpoint } = await engine.volumes.create({ name: 'data', userId: 'c1' });

  await engine.volumes.copyUp('data', join(engine.folder, 'rootfs'), '/srv');

  const top = statSync(mountpoint);
  assert.deepEqual([top.uid, top.gid, top.mode & 0o7777], [999, 998, 0o2770]);
  const file = statSync(join(mountpoint, 'deep', 'file'));
  assert.deepEqual([file.uid, file.gid, file.mode & 0o7777], [1001, 1002, 0o4750]);
  assert.equal(statSync(join(mountpoint, 'again')).ino, file.ino);
  assert.equal(readlinkSync(join(mountpoint, 'link')), '/etc/passwd');
  const sizes = await engine.volumes.sizes(engine.volumes.list());
  assert.equal(sizes.get('data')?.sizeBytes, 'content'.length + '/etc/passwd'.length);
});

test('copyUp(): an empty directory of the image gives its owner and mode', { skip }, async () => {
  await using engine = await startVolumes();
  const source = join(engine.folder, 'rootfs', 'var', 'cache');
  mkdirSync(source, { recursive: true });
  chownSync(source, 33, 34);
  chmodSync(source, 0o2775);
  const { mountpoint } = await engine.volumes.create({ name: 'data' });
  await engine.volumes.copyUp('data', join(engine.folder, 'rootfs'), '/var/cache');
  const top = statSync(mountpoint);
  assert.deepEqual([top.uid, top.gid, top.mode & 0o7777], [33, 34, 0o2775]);
});

test('copyUp(): links in the path, and in the content, do not lead to files of the host', {
  skip,
}, async () => {
  await using engine = await startVolumes();
  const root = join(engine.folder, 'rootfs');
  const canary = join(engine.folder, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'secret'), 'secret');
  mkdirSync(join(root, 'real'), { recursive: true });
  symlinkSync(canary, join(root, 'absolute'));
  symlinkSync(`${'../'.repeat(12)}${canary}`, join(root, 'relative'));
  symlinkSync('/proc/self/root', join(root, 'magic'));
  symlinkSync(join(canary, 'secret'), join(root, 'real', 'file'));
  symlinkSync(canary, join(root, 'real', 'directory'));

  for (const [index, path] of ['/absolute', '/relative', `/magic/${canary}`, '/real/directory'].entries()) {
    const { mountpoint } = await engine.volumes.create({ name: `attack${index}` });
    await engine.volumes.copyUp(`attack${index}`, root, path);
    assert.deepEqual(readdirSync(mountpoint), [], path);
  }
  const { mountpoint } = await engine.volumes.create({ name: 'content' });
  await engine.volumes.copyUp('content', root, '/real');
  assert.ok(lstatSync(join(mountpoint, 'file')).isSymbolicLink());
  assert.ok(lstatSync(join(mountpoint, 'directory')).isSymbolicLink());
});

test('remove() deletes what users of the volume made, and nothing it points at', { skip }, async () => {
  await using engine = await startVolumes();
  const canary = join(engine.folder, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'file'), 'still here');
  const { mountpoint } = await engine.volumes.create({ name: 'data' });
  symlinkSync(canary, join(mountpoint, 'out'));
  mkdirSync(join(mountpoint, 'closed'), { mode: 0 });
  await engine.volumes.remove('data');
  await engine.volumes.settled();
  assert.equal(readFileSync(join(canary, 'file'), 'utf8'), 'still here');
  assert.deepEqual(readdirSync(join(engine.folder, 'volumes')), ['.trash']);
  assert.deepEqual(readdirSync(join(engine.folder, 'volumes', '.trash')), []);
});

test('a volume of type tmpfs is mounted with its first user, keeps its data, and goes with the last', {
  skip,
}, async () => {
  await using engine = await startVolumes();
  const { volumes } = engine;
  await volumes.create({
    name: 'mem',
    options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=1000,noexec' },
  });
  const directory = await volumes.mount('mem', 'c1');
  const [mount] = listMountsBelow(directory);
  assert.equal(mount?.type, 'tmpfs');
  assert.equal(statSync(directory).uid, 1000);
  assert.throws(() => writeFileSync(join(directory, 'big'), Buffer.alloc(2 * 1024 * 1024)), {
    code: 'ENOSPC',
  });
  rmSync(join(directory, 'big'));
  writeFileSync(join(directory, 'kept'), '');
  await volumes.mount('mem', 'c2');
  await volumes.unmount('mem', 'c1');
  assert.deepEqual(readdirSync(directory), ['kept']);
  assert.equal(listMountsBelow(directory).length, 1);
  await volumes.unmount('mem', 'c2');
  assert.deepEqual(listMountsBelow(directory), []);
});

test('a bind volume shows the directory of the host; removing the volume leaves it alone', {
  skip,
}, async () => {
  await using engine = await startVolumes();
  const shared = join(engine.folder, 'shared');
  mkdirSync(shared);
  writeFileSync(join(shared, 'file'), '');
  await engine.volumes.create({ name: 'bound', options: { type: 'none', device: shared, o: 'bind,ro' } });
  const directory = await engine.volumes.mount('bound', 'c1');
  assert.deepEqual(readdirSync(directory), ['file']);
  assert.throws(() => writeFileSync(join(directory, 'x'), ''), { code: 'EROFS' });
  // As after a crash: the mount is there, its user is not.
  await engine.restart().restore(NOBODY);
  assert.deepEqual(listMountsBelow(directory), []);
  await engine.volumes.remove('bound');
  await engine.volumes.settled();
  assert.deepEqual(readdirSync(shared), ['file']);
});

test('remove() of a volume that is still mounted takes the mount down, not what is in it', {
  skip,
}, async () => {
  await using engine = await startVolumes();
  const shared = join(engine.folder, 'shared');
  mkdirSync(shared);
  writeFileSync(join(shared, 'file'), '');
  await engine.volumes.create({ name: 'bound', options: { type: 'none', device: shared, o: 'bind' } });
  await engine.volumes.mount('bound', 'c1');
  await engine.volumes.remove('bound');
  await engine.volumes.settled();
  assert.deepEqual(readdirSync(shared), ['file']);
});

test('a volume whose device is missing says so', { skip }, async () => {
  await using engine = await startVolumes();
  await engine.volumes.create({ name: 'bad', options: { type: 'none', device: '/nope', o: 'bind' } });
  await assert.rejects(engine.volumes.mount('bad', 'c1'), {
    kind: 'invalid',
    message: /^error while mounting volume '.*\/bad\/_data': failed to mount local volume: mount .*ENOENT/,
  });
});
