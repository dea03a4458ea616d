import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FakePlugin } from '#plugin/fake-plugin';
import { cannotRunContainers, startBusyboxDaemon } from '../support/busybox-daemon.ts';
import { cannotRunDocker, type TestDaemon } from '../support/daemon.ts';
import { FakeVolumeDriver } from '../support/fake-volume-driver.ts';
import { until } from '../support/until.ts';

const skip = cannotRunContainers || cannotRunDocker;

describe('volumes of other drivers, by the Docker command line', { skip }, () => {
  let folder: string;
  let daemon: TestDaemon;
  let driver: FakeVolumeDriver;
  const socketOf = (name: string): string => join(folder, 'run', `${name}.sock`);
  const dataOf = (name: string): string => join(folder, 'storage', name);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quai-volume-driver-'));
    mkdirSync(join(folder, 'run'));
    mkdirSync(join(folder, 'etc'));
    driver = await FakeVolumeDriver.start(socketOf('far'), dataOf('far'), { scope: 'global' });
    daemon = await startBusyboxDaemon({
      config: { 'plugin-sockets': [join(folder, 'run')], 'plugin-specs': [join(folder, 'etc')] },
    });
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await driver?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const docker = (...words: string[]): Promise<string> => daemon.ok('docker', words);
  const refused = (...words: string[]): Promise<string> => daemon.refused('docker', words);

  test('a volume is made by its driver with its options, and shown with its scope and status (S180, S181, S182)', async () => {
    assert.equal(
      await docker('volume', 'create', '-d', 'far', '-o', 'zone=a', '--label', 'x=y', 'one'),
      'one',
    );
    assert.deepEqual(driver.find('one'), { options: { zone: 'a' }, users: [] });
    const [volume] = JSON.parse(await docker('volume', 'inspect', 'one'));
    assert.equal(volume.Driver, 'far');
    assert.equal(volume.Scope, 'global');
    assert.deepEqual(volume.Options, { zone: 'a' });
    assert.deepEqual(volume.Labels, { x: 'y' });
    assert.deepEqual(volume.Status, { size: 'vast' });
    assert.match(await docker('volume', 'ls', '--filter', 'driver=far'), /^DRIVER\s+VOLUME NAME\nfar\s+one$/);
    assert.match(await docker('info', '--format', '{{.Plugins.Volume}}'), /\[local far\]/);
  });

  test('containers share it, the driver is told of each, and gets it back from each (S164)', async () => {
    await docker('volume', 'create', '-d', 'far', 'shared');
    await docker('run', '-d', '--name', 'c1', '-v', 'shared:/data', 'busybox', 'sleep', '1000');
    await docker(
      'run',
      '-d',
      '--name',
      'c2',
      '-v',
      'shared:/data',
      '-v',
      'shared:/again',
      'busybox',
      'sleep',
      '1000',
    );
    assert.equal(driver.find('shared')?.users.length, 2);
    await docker('exec', 'c1', 'sh', '-c', 'echo content > /data/file');
    assert.equal(await docker('exec', 'c2', 'cat', '/again/file'), 'content');
    assert.equal(readFileSync(join(dataOf('far'), 'shared', 'file'), 'utf8'), 'content\n');
    assert.match(await refused('volume', 'rm', 'shared'), /remove shared: volume is in use - \[/);
    await docker('rm', '-f', 'c1');
    await until('the driver has it back', () => driver.find('shared')?.users.length === 1);
    await docker('rm', '-f', 'c2');
    await until('the driver has it back', () => driver.find('shared')?.users.length === 0);
    await docker('volume', 'rm', 'shared');
    assert.equal(driver.find('shared'), undefined);
  });

  test('an anonymous volume of a driver goes with its container', async () => {
    await docker('run', '--rm', '--volume-driver', 'far', '-v', '/data', 'busybox', 'touch', '/data/x');
    await until(
      'the volume is gone',
      async () => (await docker('volume', 'ls', '-q', '--filter', 'driver=far')) === 'one',
    );
  });

  test('a volume that only the driver knows is listed, inspected and used by its name', async () => {
    mkdirSync(join(dataOf('far'), 'old'));
    const state = JSON.parse(readFileSync(join(dataOf('far'), '.state'), 'utf8'));
    writeFileSync(
      join(dataOf('far'), '.state'),
      JSON.stringify({ ...state, old: { options: {}, users: [] } }),
    );
    assert.match(await docker('volume', 'ls'), /far\s+old/);
    assert.equal(JSON.parse(await docker('volume', 'inspect', 'old'))[0].Driver, 'far');
    await docker('run', '--rm', '-v', 'old:/data', 'busybox', 'touch', '/data/found');
    assert.equal(readFileSync(join(dataOf('far'), 'old', 'found'), 'utf8'), '');
  });

  test('what goes wrong is said with the driver’s name, and nothing is left of it', async () => {
    assert.match(
      await refused('volume', 'create', '-d', 'nope', 'xy'),
      /create xy: error looking up volume plugin nope: plugin "nope" not found/,
    );
    assert.match(
      await refused('volume', 'create', '-d', 'far', '-o', 'fail=1', 'xy'),
      /create xy: VolumeDriver\.Create: the storage is full|VolumeDriver\.Create: the storage is full/,
    );
    await using _nonsense = await FakePlugin.start(socketOf('bad'), {
      capabilities: ['VolumeDriver'],
      methods: {
        'VolumeDriver.Get': () => ({ Volume: { Name: 'bad' } }),
        'VolumeDriver.Mount': () => ({ Mountpoint: 'somewhere' }),
        'VolumeDriver.Unmount': () => ({}),
        'VolumeDriver.Remove': () => ({ status: 500, raw: '{"Err":"never"}' }),
        'VolumeDriver.List': () => ({ status: 200, raw: '<html>' }),
      },
    });
    await docker('volume', 'create', '-d', 'bad', 'bad');
    assert.match(
      await refused('run', '--rm', '-v', 'bad:/data', 'busybox', 'true'),
      /driver "bad" gave "somewhere", which is no absolute path/,
    );
    const { body } = await daemon.call('GET', '/volumes');
    // The shape of the answer is the contract test's matter.
    const { Warnings: warnings } = body as { readonly Warnings: readonly string[] };
    assert.match(warnings.join(), /^plugin "bad": VolumeDriver\.List: bad answer: /);
    assert.match(await docker('volume', 'ls'), /far\s+one/);
    assert.match(await refused('volume', 'rm', 'bad'), /VolumeDriver\.Remove: never/);
    await docker('volume', 'rm', '-f', 'bad');
    assert.doesNotMatch(await docker('volume', 'ls', '-q'), /bad|xy/);
  });

  test('a driver that went away: the container does not start, the engine goes on, and it starts when the driver is back', async () => {
    await docker('create', '--name', 'c3', '-v', 'one:/data', 'busybox', 'true');
    await driver[Symbol.asyncDispose]();
    const started = daemon.docker(['start', 'c3']);
    assert.equal(await docker('run', '--rm', 'busybox', 'echo', 'fine'), 'fine');
    assert.match((await started).stderr, /plugin "far" (does not answer|not found)/);
    driver = await FakeVolumeDriver.start(socketOf('far'), dataOf('far'), { scope: 'global' });
    await docker('start', '-a', 'c3');
    await docker('rm', 'c3');
    await until('the driver has it back', () => driver.find('one')?.users.length === 0);
  });

  test('a container that ended while its driver was away: the driver gets its volume back when it is there again', async () => {
    for (const name of ['gone', 'again'])
      await docker('run', '-d', '--name', name, '-v', 'one:/data', 'busybox', 'sleep', '1000');
    const again = await docker('inspect', '--format', '{{.Id}}', 'again');
    await driver[Symbol.asyncDispose]();
    await docker('rm', '-f', 'gone');
    await docker('kill', 'again');
    assert.equal(driver.find('one')?.users.length, 2);
    driver = await FakeVolumeDriver.start(socketOf('far'), dataOf('far'), { scope: 'global' });
    await docker('start', 'again'); // what it had is given back first: drivers may count
    await until('the driver has one back', () => driver.find('one')?.users.join() === again);
    await docker('exec', 'again', 'touch', '/data/mark');
    await docker('rm', '-f', 'again');
    await until('the driver has it back', () => driver.find('one')?.users.length === 0);
  });

  test('mounts are counted over a crash of the engine: kept for what runs, given back for what ended', async () => {
    await docker('run', '-d', '--name', 'stays', '-v', 'one:/data', 'busybox', 'sleep', '1000');
    await docker('run', '-d', '--name', 'ends', '-v', 'one:/data', 'busybox', 'sleep', '1000');
    const pid = Number(await docker('inspect', '--format', '{{.State.Pid}}', 'ends'));
    const stays = await docker('inspect', '--format', '{{.Id}}', 'stays');
    assert.equal(driver.find('one')?.users.length, 2);
    await daemon.kill9();
    process.kill(pid, 'SIGKILL');
    await daemon.start();
    await until('the driver has it back', () => driver.find('one')?.users.length === 1);
    assert.deepEqual(driver.find('one')?.users, [stays]);
    await docker('rm', '-f', 'stays', 'ends');
    await until('the driver has it back', () => driver.find('one')?.users.length === 0);
  });

  test('GET /quai/plugins lists what there is', async () => {
    const { body } = await daemon.call('GET', '/quai/plugins');
    assert.deepEqual(body, {
      Plugins: [{ Name: 'far', Address: `unix://${socketOf('far')}`, Implements: ['VolumeDriver'] }],
    });
  });
});
