import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { attackEngine, skip } from './attack-engine.ts';

const engine = attackEngine();

/** A secret that the host keeps from the containers, beside the canary. */
const SECRET = 'secret of the host';

/** What a mount that got out would make on the host. */
const outside = `/tmp/quai-escape-${process.pid}`;

function secretFolder(): string {
  const path = join(engine.folder, 'secrets');
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'file'), SECRET);
  return path;
}

/** What the volume's user put there, seen from the host. */
async function dataOf(volume: string): Promise<string> {
  const { body } = await engine.daemon.call('GET', `/volumes/${volume}`);
  return (body as { Mountpoint: string }).Mountpoint;
}

function subpathMount(Source: string, Subpath: string): object {
  return { Type: 'volume', Source, Target: '/data', VolumeOptions: { Subpath } };
}

test('links in a volume lead nowhere: neither as a part of it, nor below a mount, nor as a mount point', {
  skip,
}, async () => {
  const secrets = secretFolder();
  const script = [
    `ln -s ${secrets} /vol/absolute`,
    `ln -s ../../../../../../../../../..${secrets} /vol/upwards`,
    'ln -s / /vol/root',
    'ln -s /proc/self/root /vol/process',
    'ln -s /proc/1/cwd /vol/cwd',
    'mkdir /vol/dir; ln -s ../absolute /vol/dir/nested',
  ].join('; ');
  await engine.script(script, { HostConfig: { Binds: ['linked:/vol'] } });

  for (const Subpath of [
    'absolute',
    'upwards',
    'root/etc',
    'process/etc',
    'cwd',
    'dir/nested',
    '../..',
    '/etc',
  ]) {
    const { started, output } = await engine.run({
      Cmd: ['sh', '-c', 'cat /data/file; ls -A /data'],
      HostConfig: { Mounts: [subpathMount('linked', Subpath)] },
    });
    assert.ok(!output.includes(SECRET), Subpath);
    if (started?.status === 204) assert.doesNotMatch(output, /passwd|shadow|canary/, Subpath);
  }
  // A mount whose place is a link inside of an earlier mount ends inside the container.
  for (const place of ['absolute', 'upwards', `root${outside}`, 'dir/nested']) {
    const { output } = await engine.run({
      Cmd: ['sh', '-c', 'echo wrote > /vol/dir/x'],
      HostConfig: { Binds: ['linked:/vol', `other:/vol/${place}`] },
    });
    assert.ok(!output.includes(SECRET), place);
  }
  assert.deepEqual(readdirSync(secrets), ['file']);
  assert.ok(!existsSync(outside));
  for (const volume of ['linked', 'other']) await engine.daemon.call('DELETE', `/volumes/${volume}`);
  await engine.assertUnharmed();
});

test('a part of a volume is that of the volume, while a container swaps it for a link as fast as it can', {
  skip,
}, async () => {
  const secrets = secretFolder();
  const swap = `mkdir /vol/a; ln -s ${secrets} /vol/b; touch /vol/a/own; rest=0; while :; do for turn in 1 2 3 4; do mv /vol/a /vol/t; mv /vol/b /vol/a; mv /vol/t /vol/b; mv /vol/a /vol/t; mv /vol/b /vol/a; mv /vol/t /vol/b; done; usleep $rest; rest=$((rest + 2000)); done`;
  await engine.start('swapper', { Cmd: ['sh', '-c', swap], HostConfig: { Binds: ['swapped:/vol'] } });
  let mounted = 0;
  // On until one got as far as mounting: it rests as the folder, each time for longer.
  for (let round = 0; round < 30 || mounted === 0; round += 1) {
    const { output, started } = await engine.run({
      Cmd: ['sh', '-c', 'ls -A /data; cat /data/file'],
      HostConfig: { Mounts: [subpathMount('swapped', round % 2 === 0 ? 'a' : 'a/.')] },
    });
    assert.ok(!output.includes(SECRET), 'the part led out of the volume');
    if (started?.status === 204) mounted += 1;
  }
  await engine.remove('swapper');
  await engine.daemon.call('DELETE', '/volumes/swapped');
  await engine.assertUnharmed();
});

test('a bind source that is swapped while containers start is one of both, and never written through', {
  skip,
}, async () => {
  const secrets = secretFolder();
  const place = join(engine.folder, 'shared');
  mkdirSync(join(place, 'real'), { recursive: true });
  writeFileSync(join(place, 'real/file'), 'shared');
  chmodSync(place, 0o777);
  let isOver = false;
  const swapping = (async () => {
    for (let round = 0; !isOver; round += 1) {
      rmSync(join(place, 'new'), { force: true, recursive: true });
      if (round % 2 === 0) symlinkSync('/nonexistent', join(place, 'new'));
      else symlinkSync('real', join(place, 'new'));
      renameSync(join(place, 'new'), join(place, 'source'));
      await turn();
    }
  })();
  for (let round = 0; round < 20; round += 1) {
    const { output } = await engine.run({
      Cmd: ['cat', '/data/file'],
      HostConfig: { Mounts: [{ Type: 'bind', Source: join(place, 'source'), Target: '/data' }] },
    });
    assert.ok(!output.includes(SECRET));
  }
  isOver = true;
  await swapping;
  assert.ok(!existsSync('/nonexistent'), 'a missing source of --mount is not made');
  assert.deepEqual(readdirSync(secrets), ['file']);
  await engine.assertUnharmed();
});

test('places of mounts that are links in the image stay inside the container', { skip }, async () => {
  const secrets = secretFolder();
  const up = '../../../../../../../../../../..';
  await engine.image('places:links', [
    { path: 'data', type: 'symlink', linkPath: `${up}/etc` },
    { path: 'file', type: 'symlink', linkPath: `${up}${secrets}/file` },
    { path: 'made', type: 'symlink', linkPath: `${up}${secrets}/made/by/engine` },
    { path: 'process', type: 'symlink', linkPath: '/proc/1/root/tmp' },
    { path: 'descriptor', type: 'symlink', linkPath: '/proc/self/fd/7' },
  ]);
  const before = [statSync('/etc').mode, statSync('/etc').uid, readdirSync('/etc').length];
  const source = join(engine.folder, 'plain');
  writeFileSync(source, 'plain');
  for (const target of [
    '/data',
    '/data/in',
    '/made',
    '/made/deeper',
    `/process/${basename(outside)}`,
    '/descriptor',
    '/descriptor/x',
  ]) {
    await engine.run({
      Image: 'places:links',
      Cmd: ['sh', '-c', `echo wrote > ${target}/x`],
      HostConfig: { Binds: [`placed:${target}`] },
    });
    await engine.run({
      Image: 'places:links',
      Cmd: ['true'],
      HostConfig: { Tmpfs: { [target]: 'mode=777' }, Binds: [`${source}:/file`] },
    });
  }
  assert.deepEqual([statSync('/etc').mode, statSync('/etc').uid, readdirSync('/etc').length], before);
  assert.deepEqual(readdirSync(secrets), ['file']);
  assert.ok(!existsSync(outside));
  await engine.daemon.call('DELETE', '/volumes/placed');
  await engine.assertUnharmed();
});

test('filling a volume from the image takes nothing from outside, and makes no device of it', {
  skip,
}, async () => {
  const secrets = secretFolder();
  await engine.image('copyup:hostile', [
    { path: 'data/', type: 'directory', mode: 0o755 },
    { path: 'data/link', type: 'symlink', linkPath: `${secrets}/file` },
    { path: 'data/folder', type: 'symlink', linkPath: '../../../../../../../../../..' },
    { path: 'data/fifo', type: 'fifo', mode: 0o666 },
    { path: 'data/suid', mode: 0o4755, content: 'x' },
  ]);
  const script =
    'cat /data/link; readlink /data/folder; [ -p /data/fifo ] && echo fifo; echo in > /data/folder/tmp/in';
  const { output, started } = await engine.run({
    Image: 'copyup:hostile',
    Cmd: ['sh', '-c', script],
    HostConfig: { Binds: ['filled:/data'] },
  });
  assert.equal(started?.status, 204, JSON.stringify(started));
  assert.ok(!output.includes(SECRET));
  assert.match(output, /fifo/);
  assert.ok(!existsSync('/tmp/in'));
  const data = await dataOf('filled');
  assert.ok(existsSync(join(data, 'suid')));
  await engine.daemon.call('DELETE', '/volumes/filled');
  assert.ok(existsSync(join(secrets, 'file')), 'removing the volume removed nothing else');
  await engine.assertUnharmed();
});
