import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { listMounts } from '#sys/mount';
import { cannotRunContainers, startBusyboxDaemon } from '../support/busybox-daemon.ts';
import { cannotRunDocker, type TestDaemon } from '../support/daemon.ts';
import { type DiskType, diskMissing, LoopDisk } from '../support/loop-disk.ts';
import { until } from '../support/until.ts';

const skip = cannotRunContainers || cannotRunDocker;

describe('options of local volumes, by the Docker command line', { skip }, () => {
  let folder: string;
  let daemon: TestDaemon;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quai-volume-options-'));
    daemon = await startBusyboxDaemon();
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  async function docker(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await daemon.docker(words);
    assert.equal(code, 0, `docker ${words.join(' ')}: ${stderr}`);
    return stdout.trim();
  }
  async function refused(...words: string[]): Promise<string> {
    const { code, stderr } = await daemon.docker(words);
    assert.notEqual(code, 0, words.join(' '));
    return stderr.trim();
  }
  function mountOf(name: string) {
    return listMounts().find(({ target }) => target === `${daemon.root}/volumes/${name}/_data`);
  }

  for (const type of ['btrfs', 'ext4'] as const satisfies readonly DiskType[]) {
    test(`a ${type} disk: mounted with the first container, unmounted with the last, also over a crash (S179)`, {
      skip: diskMissing(type),
    }, async () => {
      await using disk = await LoopDisk.make(join(folder, type), type);
      const name = `on-${type}`;
      const options = ['--opt', `type=${type}`, '--opt', `device=${disk.device}`, '--opt', 'o=noatime'];
      await docker('volume', 'create', '--driver', 'local', ...options, name);
      assert.equal(mountOf(name), undefined);
      await docker('run', '-d', '--name', 'c1', '-v', `${name}:/data`, 'busybox', 'sleep', '1000');
      await docker('run', '-d', '--name', 'c2', '-v', `${name}:/data`, 'busybox', 'sleep', '1000');
      assert.deepEqual([mountOf(name)?.type, mountOf(name)?.source], [type, disk.device]);
      await docker('exec', 'c1', 'sh', '-c', 'echo kept > /data/file');
      assert.match(
        await docker('exec', 'c2', 'grep', ' /data ', '/proc/mounts'),
        new RegExp(` ${type} .*noatime`),
      );
      await docker('rm', '-f', 'c1');
      assert.ok(mountOf(name), 'the other container uses it');

      await daemon.kill9();
      await daemon.start();
      assert.ok(mountOf(name), 'the engine’s end is not the container’s');
      assert.equal(await docker('exec', 'c2', 'cat', '/data/file'), 'kept');
      const pid = Number(await docker('inspect', '--format', '{{.State.Pid}}', 'c2'));
      await daemon.kill9();
      process.kill(pid, 'SIGKILL');
      await daemon.start();
      await until('nothing is mounted for nobody', () => mountOf(name) === undefined);

      assert.equal(
        await docker('run', '--rm', '-v', `${name}:/data:ro`, 'busybox', 'cat', '/data/file'),
        'kept',
      );
      await until('it is unmounted', () => mountOf(name) === undefined);
      await docker('rm', '-f', 'c2');
      await docker('volume', 'rm', name);
    });
  }

  test('a tmpfs of a size, and a directory of the host', async () => {
    await docker(
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
      await refused(
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
      ),
      /No space left on device/,
    );
    assert.equal(await docker('run', '--rm', '-v', 'ram:/data', 'busybox', 'stat', '-c', '%u', '/data'), '7');
    const directory = join(folder, 'host');
    mkdirSync(directory);
    writeFileSync(join(directory, 'there'), '');
    await docker(
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
    assert.equal(await docker('run', '--rm', '-v', 'host:/data', 'busybox', 'ls', '/data'), 'there');
    assert.match(
      await refused('run', '--rm', '-v', 'host:/data', 'busybox', 'touch', '/data/x'),
      /Read-only/,
    );
    rmSync(directory, { recursive: true });
    assert.match(
      await refused('run', '--rm', '-v', 'host:/data', 'busybox', 'true'),
      /error while mounting volume '.*host\/_data': failed to mount local volume: .*ENOENT/,
    );
    await docker('volume', 'rm', 'ram', 'host');
  });

  test('an overlay of two directories, and a disk that is not there', async () => {
    for (const name of ['lower', 'upper', 'work']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'lower', 'below'), 'below');
    const o = `lowerdir=${folder}/lower,upperdir=${folder}/upper,workdir=${folder}/work`;
    await docker('volume', 'create', '-o', 'type=overlay', '-o', 'device=overlay', '-o', `o=${o}`, 'layers');
    await docker('run', '--rm', '-v', 'layers:/data', 'busybox', 'sh', '-c', 'cat /data/below > /data/above');
    assert.equal(readFileSync(join(folder, 'upper', 'above'), 'utf8'), 'below');
    assert.deepEqual(readdirSync(join(folder, 'lower')), ['below']);
    await docker('volume', 'create', '-o', 'type=ext4', '-o', `device=${folder}/nothing`, 'nodisk');
    assert.match(
      await refused('run', '--rm', '-v', 'nodisk:/data', 'busybox', 'true'),
      /failed to mount local volume/,
    );
    await docker('volume', 'rm', 'layers', 'nodisk');
  });

  test('owner and mode at creation are those of the directory, whatever the image has there', async () => {
    await docker('volume', 'create', '-o', 'uid=1234', '-o', 'gid=567', '-o', 'mode=2770', 'owned');
    assert.equal(
      await docker('run', '--rm', '-v', 'owned:/bin-copy', 'busybox', 'stat', '-c', '%u %g %a', '/bin-copy'),
      '1234 567 2770',
    );
    assert.equal(
      await docker('run', '--rm', '-v', 'owned:/etc', 'busybox', 'stat', '-c', '%u %g %a', '/etc'),
      '1234 567 2770',
    );
    await docker('volume', 'rm', 'owned');
  });

  test('wrong options are refused before anything is made', async () => {
    for (const [words, message] of [
      [['-o', 'size=1g'], /quota size requested but no quota support/],
      [['-o', 'type=ext4'], /missing required option: "device"/],
      [['-o', 'nonsense=1'], /invalid option: "nonsense"/],
      [['-o', 'uid=root'], /invalid value of option "uid": "root"/],
      [['-d', 'nope'], /error looking up volume plugin nope: plugin "nope" not found/],
    ] as const) {
      assert.match(await refused('volume', 'create', ...words, 'wrong'), message);
    }
    assert.equal(await docker('volume', 'ls', '-q', '--filter', 'name=wrong'), '');
    assert.ok(!readdirSync(`${daemon.root}/volumes`).includes('wrong'));
  });
});
