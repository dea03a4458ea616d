import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';
import { until } from '../../support/until.ts';

const MB = 1 << 20;

/** A file system of its own to keep everything of an engine on. */
class SmallDisk implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'quai-small-disk-'));

  constructor(megabytes: number) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', this.path]);
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  [Symbol.dispose](): void {
    execFileSync('umount', [this.path]);
    rmSync(this.path, { recursive: true });
  }
}

/** Far less than it unpacks to. */
function bomb(files: number, megabytesEach: number): Buffer {
  const content = Buffer.alloc(megabytesEach * MB);
  const entries = Array.from({ length: files }, (_, index) => tarEntry({ path: `zeros${index}` }, content));
  return gzipSync(Buffer.concat([...entries, TAR_END]));
}

async function put(daemon: TestDaemon, path: string, archive: Buffer): Promise<readonly [number, string]> {
  const { status, body } = await daemon.call('PUT', `/containers/full/archive?path=${path}`, archive);
  return [status, JSON.stringify(body)];
}

test('an archive that is copied into a container cannot fill the disk of the engine, and may fill a file system of its own', {
  skip: cannotRunContainers,
}, async () => {
  using disk = new SmallDisk(256);
  await using daemon = await startBusyboxDaemon({ root: join(disk.path, 'root') });
  for (const state of ['stopped', 'running']) {
    const { status } = await daemon.call('POST', '/containers/create?name=full', {
      Image: 'busybox',
      Cmd: ['sleep', '1000'],
      HostConfig: { NetworkMode: 'none', Tmpfs: { '/small': 'size=8m' } },
    });
    assert.equal(status, 201);
    if (state === 'running') {
      assert.equal((await daemon.call('POST', '/containers/full/start')).status, 204);
      assert.equal((await put(daemon, '/small', bomb(1, 7)))[0], 200);
      assert.match((await put(daemon, '/small', bomb(2, 7))).join(' '), /^503 .*no space left on device/);
    }
    assert.equal((await put(daemon, '/tmp', bomb(1, 16)))[0], 200);
    assert.match(
      (await put(daemon, '/tmp', bomb(20, 16))).join(' '),
      /^503 .*no space left on device/,
      state,
    );
    assert.ok(disk.freeBytes() > 40 * MB, `${disk.freeBytes()} bytes are free`);
    assert.equal((await daemon.call('DELETE', '/containers/full?force=1')).status, 204);
  }
});

test('a container that fills the disk of the engine, and goes on, can be stopped and removed, as others and volumes can', {
  skip: cannotRunContainers,
}, async () => {
  using disk = new SmallDisk(192);
  await using daemon = await startBusyboxDaemon({ root: join(disk.path, 'root') });
  const run = async (name: string, Cmd: string[], HostConfig: object = {}): Promise<void> => {
    const wish = { Image: 'busybox', Cmd, HostConfig: { NetworkMode: 'none', ...HostConfig } };
    assert.equal((await daemon.call('POST', `/containers/create?name=${name}`, wish)).status, 201);
    assert.equal((await daemon.call('POST', `/containers/${name}/start`)).status, 204);
  };
  const ok = async (method: string, path: string): Promise<void> => {
    const { status, body } = await daemon.call(method, path);
    assert.ok(status < 300, `${method} ${path}: ${JSON.stringify(body)}`);
  };
  await run('stops', ['sleep', '1000'], { Binds: ['data:/data'] });
  await run('goes', ['sleep', '1000']);
  await run('fills', ['sh', '-c', 'n=0; while :; do dd if=/dev/zero of=/big$n bs=64k; n=$((n + 1)); done']);
  await until('the disk is full', () => disk.freeBytes() === 0);
  await ok('POST', '/containers/stops/stop?t=0');
  await ok('DELETE', '/containers/stops');
  await ok('DELETE', '/volumes/data');
  await ok('DELETE', '/containers/goes?force=1');
  await until('it is full again', () => disk.freeBytes() === 0);
  await ok('DELETE', '/containers/fills?force=1');
  await until('there is room again', () => disk.freeBytes() > 100 * MB);
  await run('next', ['true']);
  await ok('DELETE', '/containers/next?force=1');
});
