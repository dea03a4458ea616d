import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { listMounts } from '#sys/mount';
import { type DiskType, diskMissing, LoopDisk } from '../support/loop-disk.ts';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';

describe('options of local volumes, by the Docker command line', { skip }, () => {
  let folder: string;
  const engine = compatEngine();
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'quai-volume-options-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function mountOf(name: string) {
    return listMounts().find(({ target }) => target === `${engine.daemon.root}/volumes/${name}/_data`);
  }

  for (const type of ['btrfs', 'ext4'] as const satisfies readonly DiskType[]) {
    test(`a ${type} disk: mounted with the first container, unmounted with the last, also over a crash (S179)`, {
      skip: diskMissing(type),
    }, async () => {
      await using disk = await LoopDisk.make(join(folder, type), type);
      const name = `on-${type}`;
      const options = ['--opt', `type=${type}`, '--opt', `device=${disk.device}`, '--opt', 'o=noatime'];
      await engine.ok('volume', 'create', '--driver', 'local', ...options, name);
      assert.equal(mountOf(name), undefined);
      await engine.ok('run', '-d', '--name', 'c1', '-v', `${name}:/data`, 'busybox', 'sleep', '1000');
      await engine.ok('run', '-d', '--name', 'c2', '-v', `${name}:/data`, 'busybox', 'sleep', '1000');
      assert.deepEqual([mountOf(name)?.type, mountOf(name)?.source], [type, disk.device]);
      await engine.ok('exec', 'c1', 'sh', '-c', 'echo kept > /data/file');
      assert.match(
        await engine.ok('exec', 'c2', 'grep', ' /data ', '/proc/mounts'),
        new RegExp(` ${type} .*noatime`),
      );
      await engine.ok('rm', '-f', 'c1');
      assert.ok(mountOf(name), 'the other container uses it');

      await engine.daemon.kill9();
      await engine.daemon.start();
      assert.ok(mountOf(name), 'the engine’s end is not the container’s');
      assert.equal(await engine.ok('exec', 'c2', 'cat', '/data/file'), 'kept');
      const pid = Number(await engine.ok('inspect', '--format', '{{.State.Pid}}', 'c2'));
      await engine.daemon.kill9();
      process.kill(pid, 'SIGKILL');
      await engine.daemon.start();
      await until('nothing is mounted for nobody', () => mountOf(name) === undefined);

      assert.equal(
        await engine.ok('run', '--rm', '-v', `${name}:/data:ro`, 'busybox', 'cat', '/data/file'),
        'kept',
      );
      await until('it is unmounted', () => mountOf(name) === undefined);
      await engine.ok('rm', '-f', 'c2');
      await engine.ok('volume', 'rm', name);
    });
  }

  test('a tmpfs of a size, and a directory of the host', async () => {
    await engine.ok(
      'volume',
      'create',
      '-o',
      'type=tmpfs',
      '-o',
      'device=tmpfs',
      '-o',
      'o=size=1m,uid=7,noexec',
      'ram',
    );
    assert.match(
      (
        await engine.refused(
          'run',
          '--rm',
          '-v',
          'ram:/data',
          'busybox',
          'dd',
          'if=/dev/zero',
          'of=/data/x',
          'bs=1M',
          'count=2',
        )
      ).stderr,
      /No space left on device/,
    );
    assert.equal(
      await engine.ok('run', '--rm', '-v', 'ram:/data', 'busybox', 'stat', '-c', '%u', '/data'),
      '7',
    );
    const directory = join(folder, 'host');
    mkdirSync(directory);
    writeFileSync(join(directory, 'there'), '');
    await engine.ok(
      'volume',
      'create',
      '-o',
      'type=none',
      '-o',
      `device=${directory}`,
      '-o',
      'o=bind,ro',
      'host',
    );
    assert.equal(await engine.ok('run', '--rm', '-v', 'host:/data', 'busybox', 'ls', '/data'), 'there');
    assert.match(
      (await engine.refused('run', '--rm', '-v', 'host:/data', 'busybox', 'touch', '/data/x')).stderr,
      /Read-only/,
    );
    rmSync(directory, { recursive: true });
    assert.match(
      (await engine.refused('run', '--rm', '-v', 'host:/data', 'busybox', 'true')).stderr,
      /error while mounting volume '.*host\/_data': failed to mount local volume: .*ENOENT/,
    );
    await engine.ok('volume', 'rm', 'ram', 'host');
  });

  test('an overlay of two directories, and a disk that is not there', async () => {
    for (const name of ['lower', 'upper', 'work']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'lower', 'below'), 'below');
    const o = `lowerdir=${folder}/lower,upperdir=${folder}/upper,workdir=${folder}/work`;
    await engine.ok(
      'volume',
      'create',
      '-o',
      'type=overlay',
      '-o',
      'device=overlay',
      '-o',
      `o=${o}`,
      'layers',
    );
    await engine.ok(
      'run',
      '--rm',
      '-v',
      'layers:/data',
      'busybox',
      'sh',
      '-c',
      'cat /data/below > /data/above',
    );
    assert.equal(readFileSync(join(folder, 'upper', 'above'), 'utf8'), 'below');
    assert.deepEqual(readdirSync(join(folder, 'lower')), ['below']);
    await engine.ok('volume', 'create', '-o', 'type=ext4', '-o', `device=${folder}/nothing`, 'nodisk');
    assert.match(
      (await engine.refused('run', '--rm', '-v', 'nodisk:/data', 'busybox', 'true')).stderr,
      /failed to mount local volume/,
    );
    await engine.ok('volume', 'create', '-o', 'type=nosuchfs', '-o', 'device=none', 'unknown');
    assert.match(
      (await engine.refused('run', '--rm', '-v', 'unknown:/data', 'busybox', 'true')).stderr,
      /: mount nosuchfs none: ENODEV: this kernel has no file system "nosuchfs": load its module/,
    );
    await engine.ok('volume', 'rm', 'layers', 'nodisk', 'unknown');
  });

  test('owner and mode at creation are those of the directory, whatever the image has there', async () => {
    await engine.ok('volume', 'create', '-o', 'uid=1234', '-o', 'gid=567', '-o', 'mode=2770', 'owned');
    assert.equal(
      await engine.ok(
        'run',
        '--rm',
        '-v',
        'owned:/bin-copy',
        'busybox',
        'stat',
        '-c',
        '%u %g %a',
        '/bin-copy',
      ),
      '1234 567 2770',
    );
    assert.equal(
      await engine.ok('run', '--rm', '-v', 'owned:/etc', 'busybox', 'stat', '-c', '%u %g %a', '/etc'),
      '1234 567 2770',
    );
    await engine.ok('volume', 'rm', 'owned');
  });

  test('wrong options are refused before anything is made', async () => {
    for (const [words, message] of [
      [['-o', 'size=1g'], /quota size requested but no quota support/],
      [['-o', 'type=ext4'], /missing required option: "device"/],
      [['-o', 'nonsense=1'], /invalid option: "nonsense"/],
      [['-o', 'uid=root'], /invalid value of option "uid": "root"/],
      [['-d', 'nope'], /error looking up volume plugin nope: plugin "nope" not found/],
    ] as const) {
      assert.match((await engine.refused('volume', 'create', ...words, 'wrong')).stderr, message);
    }
    assert.equal(await engine.ok('volume', 'ls', '-q', '--filter', 'name=wrong'), '');
    assert.ok(!readdirSync(`${engine.daemon.root}/volumes`).includes('wrong'));
  });
});
