import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { linuxMounts } from '#sys/mount';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { cannotRunDocker, type TestDaemon } from '../../support/daemon.ts';
import { tarOf } from '../../support/image-archive.ts';
import { diskMissing, LoopDisk } from '../../support/loop-disk.ts';
import { until } from '../../support/until.ts';

const skip = cannotRunContainers || cannotRunDocker || diskMissing('btrfs');
const LIMIT = '16M';
/** More than the limit allows. */
const MUCH = 'dd if=/dev/zero of=/data/much bs=1M count=24 2>&1; sync; rm -f /data/much';
const QUOTA = /Disk quota exceeded/i;

describe('volumes of a size, on btrfs', { skip }, () => {
  let folder: string;
  let disk: LoopDisk;
  let daemon: TestDaemon;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quai-size-limit-'));
    disk = await LoopDisk.make(join(folder, 'disk'), 'btrfs');
    mkdirSync(join(folder, 'mounted'));
    linuxMounts.mount(join(folder, 'mounted'), { type: 'btrfs', source: disk.device, options: [] });
    daemon = await startBusyboxDaemon({ root: join(folder, 'mounted', 'root') });
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    if (!disk) return;
    linuxMounts.unmount(join(folder, 'mounted'));
    await disk[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const docker = (...words: string[]): Promise<string> => daemon.ok('docker', words);
  const quai = (...words: string[]): Promise<string> => daemon.ok('quai', words);
  const inside = (volume: string, command: string): Promise<string> =>
    docker('run', '--rm', '-v', `${volume}:/data`, 'busybox', 'sh', '-c', command);

  test('a volume takes as much as it may and no more; the others are not limited', async () => {
    await docker('volume', 'create', '-o', `size=${LIMIT}`, 'small');
    await docker('volume', 'create', 'free');
    assert.equal(
      await docker('volume', 'inspect', '--format', '{{.Options}}', 'small'),
      `map[size:${LIMIT}]`,
    );
    assert.match(await inside('small', MUCH), QUOTA);
    assert.doesNotMatch(await inside('free', MUCH), QUOTA);
    await inside('small', 'echo kept > /data/file');
    assert.equal(await inside('small', 'cat /data/file'), 'kept');
    await docker('volume', 'rm', 'free');
  });

  test('the limit holds over restarts, with another name, and with other content', async () => {
    await daemon.kill9();
    await daemon.start();
    await quai('volume', 'rename', 'small', 'renamed');
    assert.match(await inside('renamed', MUCH), QUOTA);
    await quai('volume', 'snapshot', 'renamed', 'before');
    await inside('renamed', 'echo changed > /data/file');
    await quai('volume', 'restore', 'renamed', 'before');
    assert.equal(await inside('renamed', 'cat /data/file'), 'kept');
    assert.match(await inside('renamed', MUCH), QUOTA);
  });

  test('content that is too much is refused, and the volume stays as it was', async () => {
    const tar = tarOf([{ path: 'much', content: Buffer.alloc(24 * 1024 * 1024, 'x') }]);
    const { status, body } = await daemon.call('POST', '/quai/volumes/renamed/import', Readable.from([tar]));
    assert.deepEqual([status, body], [503, { message: 'cannot unpack "much": no space left on device' }]);
    assert.equal(await inside('renamed', 'cat /data/file'), 'kept');
  });

  test('what an image has goes into it, and leaves the limit', async () => {
    await docker('volume', 'create', '-o', `size=${LIMIT}`, '-o', 'mode=0750', 'filled');
    await docker('run', '--rm', '-v', 'filled:/bin', 'busybox', 'true');
    assert.match(await inside('filled', 'ls /data; stat -c %a /data'), /busybox[^]*750/);
    assert.match(await inside('filled', MUCH), QUOTA);
  });

  test('a volume that is removed leaves nothing, however deep its tree', async () => {
    await inside(
      'filled',
      'cd /data; i=0; while [ $i -lt 90 ]; do mkdir d && cd d || exit 1; i=$((i+1)); done',
    );
    await docker('volume', 'rm', 'filled', 'renamed');
    await until('all is gone', () => readdirSync(`${daemon.root}/volumes/.trash`).length === 0);
    const left = readdirSync(`${daemon.root}/volumes`).filter(name => !name.startsWith('.'));
    assert.deepEqual(left, []);
    for (const name of ['.work', '.snapshots'])
      assert.deepEqual(readdirSync(`${daemon.root}/volumes/${name}`), [], name);
  });
});
