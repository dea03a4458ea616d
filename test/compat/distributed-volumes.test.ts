import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../support/busybox-daemon.ts';
import { CloudDisks, cloudDisksMissing } from '../support/cloud-disks.ts';
import { cannotRunDocker, type TestDaemon } from '../support/daemon.ts';
import { GlusterStorage, glusterMissing, isMounted, unmount } from '../support/gluster-storage.ts';
import { MountingDriver, type VolumeStorage } from '../support/mounting-driver.ts';
import { until } from '../support/until.ts';

const skip = cannotRunContainers || cannotRunDocker;
const HOSTS = ['left', 'right'] as const;

/** An engine with a driver of its own: what a machine of a cluster is. */
interface Host {
  readonly daemon: TestDaemon;
  readonly driver: MountingDriver;
  docker(...words: string[]): Promise<string>;
  refused(...words: string[]): Promise<string>;
}

/** Drivers come first: what is there before an engine is not taken for what it left behind. */
async function startHosts(
  folder: string,
  driverName: string,
  storageOn: (host: string) => Promise<VolumeStorage>,
): Promise<Host[]> {
  const drivers: [string, MountingDriver][] = [];
  for (const host of HOSTS) {
    const run = join(folder, host, 'run');
    drivers.push([run, await MountingDriver.start(join(run, `${driverName}.sock`), await storageOn(host))]);
  }
  const hosts: Host[] = [];
  for (const [run, driver] of drivers) hosts.push(await startHost(run, driver));
  return hosts;
}

async function startHost(run: string, driver: MountingDriver): Promise<Host> {
  const config = { 'plugin-sockets': [run], 'plugin-specs': [] };
  const daemon = await startBusyboxDaemon({ config });
  return {
    daemon,
    driver,
    docker: (...words) => daemon.ok('docker', words),
    refused: (...words) => daemon.refused('docker', words),
  };
}

async function stopHosts(hosts: readonly Host[]): Promise<void> {
  for (const { daemon } of hosts) await daemon[Symbol.asyncDispose]();
  for (const { driver } of hosts) await driver[Symbol.asyncDispose]();
}

describe('volumes of a distributed file system, on two hosts', { skip: skip || glusterMissing }, () => {
  let folder: string;
  let storage: GlusterStorage;
  const clients: { pause(): void; goOn(): void }[] = [];
  let hosts: readonly Host[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quai-distributed-'));
    storage = await GlusterStorage.start(join(folder, 'storage'));
    hosts = await startHosts(folder, 'spread', async host => {
      const top = join(folder, host, 'mounted');
      mkdirSync(join(folder, host));
      clients.push(await storage.mount(top));
      return {
        names: () => readdirSync(top).filter(name => !name.startsWith('.')),
        create: async name => {
          mkdirSync(join(top, name));
        },
        remove: async name => rmSync(join(top, name), { recursive: true }),
        attach: async name => join(top, name),
        detach: async () => undefined,
      };
    });
  });
  after(async () => {
    await stopHosts(hosts);
    for (const host of HOSTS) {
      const top = join(folder, host, 'mounted');
      if (isMounted(top)) await unmount(top);
    }
    await storage?.[Symbol.asyncDispose]();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('containers of both hosts share one volume at once; its files are spread over the servers (S164, S181)', async () => {
    const [left, right] = hosts;
    assert.ok(left && right);
    await left.docker('volume', 'create', '-d', 'spread', 'shared');
    assert.match(await right.docker('volume', 'ls'), /spread +shared/);
    await left.docker('run', '-d', '--name', 'writer', '-v', 'shared:/data', 'busybox', 'sleep', '1000');
    await right.docker('run', '-d', '--name', 'reader', '-v', 'shared:/data', 'busybox', 'sleep', '1000');
    const many = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do echo $i > /data/f$i; done';
    await left.docker('exec', 'writer', 'sh', '-c', many);
    assert.equal(await right.docker('exec', 'reader', 'sh', '-c', 'cat /data/f* | sort -n | tail -1'), '16');
    await right.docker('exec', 'reader', 'sh', '-c', 'echo answer > /data/f1 && rm /data/f2');
    assert.equal(await left.docker('exec', 'writer', 'cat', '/data/f1'), 'answer');
    await left.docker('exec', 'writer', 'sh', '-c', '! test -e /data/f2');
    const parts = [0, 1].map(index => readdirSync(join(storage.brick(index), 'shared')).length);
    assert.ok(
      parts.every(count => count > 0),
      `files on the servers: ${parts.join()}`,
    );

    // A process that dies with its host goes on elsewhere.
    await left.docker('rm', '-f', 'writer');
    assert.equal(
      await right.docker('run', '--rm', '-v', 'shared:/again', 'busybox', 'cat', '/again/f1'),
      'answer',
    );
    await right.docker('rm', '-f', 'reader');
    await until('both drivers have it back', () =>
      hosts.every(({ driver }) => driver.usersOf('shared') === 0),
    );
    await left.docker('volume', 'rm', 'shared');
    assert.equal(existsSync(join(storage.brick(0), 'shared')), false);
  });

  test('a server that breaks down costs what it has, not the engine; when it is back all is there (S181)', async () => {
    const [left, right] = hosts;
    assert.ok(left && right);
    await left.docker('volume', 'create', '-d', 'spread', 'brittle');
    await left.docker('run', '-d', '--name', 'user', '-v', 'brittle:/data', 'busybox', 'sleep', '1000');
    await left.docker('exec', 'user', 'sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do echo $i > /data/f$i; done');
    const lost = readdirSync(join(storage.brick(1), 'brittle'))[0];
    const kept = readdirSync(join(storage.brick(0), 'brittle'))[0];
    assert.ok(lost !== undefined && kept !== undefined);
    await storage.killServer(1);
    const read = (host: Host, file: string) =>
      host.daemon.docker(['run', '--rm', '-v', 'brittle:/data', 'busybox', 'cat', `/data/${file}`]);
    assert.match((await read(right, lost)).stderr, /Transport endpoint is not connected|No such file/);
    assert.equal((await read(right, kept)).stdout.trim(), kept.slice(1));
    assert.match(await left.docker('volume', 'ls'), /spread +brittle/);
    await storage.startServer(1);
    await until('it is there again', async () => (await read(right, lost)).stdout.trim() === lost.slice(1));
    assert.equal(await left.docker('exec', 'user', 'cat', `/data/${lost}`), lost.slice(1));
    await left.docker('rm', '-f', 'user');
    await until('both drivers have it back', () =>
      hosts.every(({ driver }) => driver.usersOf('brittle') === 0),
    );
    await left.docker('volume', 'rm', 'brittle');
  });

  test('one that says nothing any more holds up who uses it, for a while, and nobody else', async () => {
    const [left] = hosts;
    const [client] = clients;
    assert.ok(left && client);
    const device = join(folder, 'left', 'mounted');
    await left.docker(
      'volume',
      'create',
      '-o',
      'type=none',
      '-o',
      'o=bind',
      '-o',
      `device=${device}`,
      'bound',
    );
    await left.docker('run', '-d', '--name', 'user', '-v', 'bound:/data', 'busybox', 'sleep', '1000');
    await left.docker('exec', 'user', 'sh', '-c', 'echo far > /data/file');
    client.pause();
    try {
      const waiting = Promise.all([
        left.refused('cp', 'user:/data/file', '-'),
        left.refused('run', '--rm', '-v', 'bound:/data', 'busybox', 'true'),
        left.refused('run', '--rm', '--mount', 'src=bound,dst=/data,volume-subpath=a', 'busybox', 'true'),
      ]);
      assert.equal(await left.docker('run', '--rm', 'busybox', 'echo', 'alive'), 'alive');
      const [copied, started, partly] = await waiting;
      assert.match(copied, /\/data\/file in container user has not answered for 20 s: is the server/);
      for (const refusal of [started, partly]) {
        assert.match(
          refusal,
          /volume bound \(none .*mounted\) has not answered for 20 s: is its server running\?/,
        );
      }
      await left.daemon.stop(); // threads wait for what will not come; nobody else does
      await left.daemon.start();
      assert.match(await left.docker('ps'), /user/);
    } finally {
      client.goOn();
    }
    assert.equal(await left.docker('exec', 'user', 'cat', '/data/file'), 'far');
    assert.equal(
      await left.docker('run', '--rm', '-v', 'bound:/data', 'busybox', 'cat', '/data/file'),
      'far',
    );
    await left.docker('exec', 'user', 'rm', '/data/file');
    await left.docker('rm', '-f', 'user');
    await left.docker('volume', 'rm', 'bound');
  });

  test('what volumes can do without a container, they can on it, too', async () => {
    const [left, right] = hosts;
    assert.ok(left && right);
    await left.docker('volume', 'create', '-d', 'spread', 'content');
    await left.docker('run', '--rm', '-v', 'content:/data', 'busybox', 'sh', '-c', 'echo far > /data/file');
    const copy = await left.daemon.quai(['volume', 'clone', 'content', 'near']);
    assert.equal(copy.code, 0, copy.stderr);
    assert.equal(await left.docker('run', '--rm', '-v', 'near:/data', 'busybox', 'cat', '/data/file'), 'far');
    await left.docker('volume', 'rm', 'near', 'content');
  });
});

describe('volumes that are disks of a cloud, on two hosts', { skip: skip || cloudDisksMissing }, () => {
  let folder: string;
  let disks: CloudDisks;
  let hosts: readonly Host[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quai-disks-'));
    disks = new CloudDisks(join(folder, 'disks'));
    hosts = await startHosts(folder, 'disk', async host => disks.on(host));
  });
  after(async () => {
    await stopHosts(hosts);
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('a disk is made, formatted, attached to one host at a time, and moves with its data to the other (S182)', async () => {
    const [left, right] = hosts;
    assert.ok(left && right);
    await left.docker('volume', 'create', '-d', 'disk', '-o', 'size=16', 'data');
    const write = 'mount | grep " /data " | cut -d" " -f1,5; echo kept > /data/file';
    await left.docker('run', '-d', '--name', 'first', '-v', 'data:/data', 'busybox', 'sleep', '1000');
    assert.match(await left.docker('exec', 'first', 'sh', '-c', write), /^\/dev\/loop\d+ ext4$/);
    await left.docker('run', '--rm', '-v', 'data:/data', 'busybox', 'test', '-e', '/data/file');
    assert.match(
      await right.refused('run', '--rm', '-v', 'data:/data', 'busybox', 'true'),
      /disk data is attached to left/,
    );
    assert.match(
      await left.docker(
        'exec',
        'first',
        'sh',
        '-c',
        'dd if=/dev/zero of=/data/big bs=1M count=20 2>&1; true',
      ),
      /No space left on device/, // it is as large as it was asked to be
    );
    await left.docker('exec', 'first', 'rm', '/data/big');

    await left.daemon.kill9(); // the disk stays where its container runs
    await left.daemon.start();
    assert.equal(await left.docker('exec', 'first', 'cat', '/data/file'), 'kept');
    await left.docker('rm', '-f', 'first');
    await until('it is detached', () => left.driver.usersOf('data') === 0);
    assert.equal(
      await right.docker('run', '--rm', '-v', 'data:/data', 'busybox', 'cat', '/data/file'),
      'kept',
    );
    await until('it is detached', () => right.driver.usersOf('data') === 0);
    await right.docker('volume', 'rm', 'data');
    assert.deepEqual(
      readdirSync(join(folder, 'disks')).filter(name => name.endsWith('.disk')),
      [],
    );
  });

  test('a disk of a certain kind, one out of another, one made by the container that uses it (S182)', async () => {
    const [left, right] = hosts;
    assert.ok(left && right);
    const options = ['-o', 'size=16', '-o', 'volumetype=io1', '-o', 'iops=1000'];
    await left.docker('volume', 'create', '-d', 'disk', '--name', 'first', ...options);
    const shown = '{{.Driver}} {{.Scope}} {{json .Options}}';
    assert.equal(
      await left.docker('volume', 'inspect', '-f', shown, 'first'),
      'disk global {"iops":"1000","size":"16","volumetype":"io1"}',
    );
    assert.match(await right.docker('volume', 'ls', '-f', 'driver=disk'), /disk +first/);
    for (const [option, message] of [
      ['size=much', /size much is no number/],
      ['colour=red', /no option colour/],
    ] as const) {
      assert.match(await left.refused('volume', 'create', '-d', 'disk', '-o', option, 'wrong'), message);
    }
    assert.doesNotMatch(await left.docker('volume', 'ls'), /wrong/);

    const write = ['sh', '-c', 'echo before > /data/file'];
    await left.docker('run', '--rm', '--volume-driver', 'disk', '-v', 'first:/data', 'busybox', ...write);
    await until('it is detached', () => left.driver.usersOf('first') === 0);
    const mount = 'type=volume,src=second,dst=/data,volume-driver=disk,volume-opt=snapshot=first';
    const copied = ['sh', '-c', 'cat /data/file; echo after > /data/file'];
    assert.equal(await right.docker('run', '--rm', '--mount', mount, 'busybox', ...copied), 'before');
    await until('it is detached', () => right.driver.usersOf('second') === 0);
    const read = ['busybox', 'cat', '/data/file'];
    assert.equal(await left.docker('run', '--rm', '-v', 'second:/data', ...read), 'after');
    assert.equal(await left.docker('run', '--rm', '-v', 'first:/data', ...read), 'before');
    await until(
      'they are detached',
      () => left.driver.usersOf('first') + left.driver.usersOf('second') === 0,
    );
    await left.docker('volume', 'rm', 'first', 'second');
  });

  test('a disk is attached for as long as files of a stopped container are read from it', async () => {
    const [left] = hosts;
    assert.ok(left);
    await left.docker('volume', 'create', '-d', 'disk', '-o', 'size=16', 'read');
    const fill = ['dd', 'if=/dev/zero', 'of=/data/big', 'bs=1M', 'count=8'];
    await left.docker('run', '--name', 'ended', '-v', 'read:/data', 'busybox', ...fill);
    await until('it is detached', () => left.driver.usersOf('read') === 0);
    const { response } = await left.daemon.stream('GET', '/containers/ended/archive?path=/data/big');
    assert.equal(left.driver.usersOf('read'), 1); // nobody has read it to its end
    response.resume();
    await until('it is detached', () => left.driver.usersOf('read') === 0);
    await left.docker('rm', 'ended');
    await left.docker('volume', 'rm', 'read');
  });

  test('a disk that cannot be mounted stays with nobody, and its container starts once it can be (S182)', async () => {
    const [left, right] = hosts;
    assert.ok(left && right);
    await left.docker('volume', 'create', '-d', 'disk', '-o', 'size=16', 'broken');
    const whole = readFileSync(disks.path('broken'));
    writeFileSync(disks.path('broken'), Buffer.alloc(whole.length));
    await left.docker('create', '--name', 'waiting', '-v', 'broken:/data', 'busybox', 'sleep', '1000');
    assert.match(await left.refused('start', 'waiting'), /VolumeDriver\.Mount: .*mount.*wrong fs type/s);
    assert.equal(left.driver.usersOf('broken'), 0);
    writeFileSync(disks.path('broken'), whole);
    await right.docker('run', '--rm', '-v', 'broken:/data', 'busybox', 'touch', '/data/mark');
    await until('it is detached', () => right.driver.usersOf('broken') === 0);
    await left.docker('start', 'waiting');
    await left.docker('exec', 'waiting', 'test', '-e', '/data/mark');
    assert.match(await right.refused('volume', 'rm', 'broken'), /disk broken is attached to left/);
    await left.docker('rm', '-f', 'waiting');
    await until('it is detached', () => left.driver.usersOf('broken') === 0);
    await right.docker('volume', 'rm', 'broken');
  });
});
