import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../support/busybox-daemon.ts';
import { cannotRunDocker, type TestDaemon } from '../support/daemon.ts';
import { until } from '../support/until.ts';

describe('what volumes can do beyond Docker’s', { skip: cannotRunContainers || cannotRunDocker }, () => {
  let folder: string;
  let daemon: TestDaemon;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quai-volume-extras-'));
    daemon = await startBusyboxDaemon();
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const docker = (...words: string[]): Promise<string> => daemon.ok('docker', words);
  const quai = (...words: string[]): Promise<string> => daemon.ok('quai', words);
  const refused = (...words: string[]): Promise<string> => daemon.refused('quai', words);
  const write = (volume: string, text: string): Promise<string> =>
    docker('run', '--rm', '-v', `${volume}:/data`, 'busybox', 'sh', '-c', `echo ${text} > /data/file`);
  const read = (volume: string): Promise<string> =>
    docker('run', '--rm', '-v', `${volume}:/data`, 'busybox', 'cat', '/data/file');

  test('volume rename: containers that run go on, those that stopped start again, and all show the new name', async () => {
    await write('old', 'kept');
    await docker('run', '-d', '--name', 'runs', '-v', 'old:/data', 'busybox', 'sleep', '1000');
    await docker(
      'create',
      '--name',
      'waits',
      '--mount',
      'type=volume,source=old,target=/data',
      'busybox',
      'cat',
      '/data/file',
    );
    assert.equal(await quai('volume', 'rename', 'old', 'new'), 'new');
    assert.equal(await docker('exec', 'runs', 'cat', '/data/file'), 'kept');
    await docker('exec', 'runs', 'sh', '-c', 'echo more > /data/file');
    assert.equal(await docker('start', '-a', 'waits'), 'more');
    for (const name of ['runs', 'waits']) {
      const [mount] = JSON.parse(await docker('inspect', '--format', '{{json .Mounts}}', name));
      assert.deepEqual([mount.Name, mount.Source], ['new', `${daemon.root}/volumes/new/_data`]);
    }
    assert.match(await docker('inspect', '--format', '{{.HostConfig.Binds}}', 'runs'), /^\[new:\/data\]$/);
    assert.match(await docker('ps', '-a', '--filter', 'volume=new', '--format', '{{.Names}}'), /waits/);
    await daemon.kill9();
    await daemon.start();
    await docker('restart', '-t', '0', 'runs');
    assert.equal(await docker('exec', 'runs', 'cat', '/data/file'), 'more');
    const left = await daemon.docker(['volume', 'rm', 'new']);
    assert.match(left.stderr, /volume is in use/);
    await docker('rm', '-f', 'runs', 'waits');
    assert.match(await refused('volume', 'rename', 'nope', 'x'), /get nope: no such volume/);
    assert.equal(await docker('volume', 'ls', '-q'), 'new');
    await docker('volume', 'rm', 'new');
  });

  test('volume clone, snapshot and restore', async () => {
    await write('one', 'first');
    assert.equal(await quai('volume', 'clone', 'one', 'two'), 'two');
    assert.equal(await quai('volume', 'snapshot', 'one', 'monday'), 'monday');
    await write('one', 'second');
    assert.equal(await read('two'), 'first');
    await docker('run', '-d', '--name', 'user', '-v', 'one:/data', 'busybox', 'sleep', '1000');
    assert.match(
      await refused('volume', 'restore', 'one', 'monday'),
      /cannot be replaced while containers run with it/,
    );
    await quai('volume', 'snapshot', '--pause', 'one', 'quiet');
    await quai('volume', 'clone', '--pause', 'one', 'three');
    await quai('volume', 'export', '--pause', '-o', join(folder, 'quiet.tar'), 'one');
    assert.match(readFileSync(join(folder, 'quiet.tar'), 'latin1'), /second/);
    assert.equal(await docker('inspect', '--format', '{{.State.Status}}', 'user'), 'running');
    const until = String(Date.now() / 1000);
    const seen = ['--filter', 'container=user', '--format', '{{.Action}}'];
    const actions = await docker('events', '--since', '1h', '--until', until, ...seen);
    assert.equal(actions.match(/\bpause/g)?.length, 3, actions);
    assert.equal(actions.match(/unpause/g)?.length, 3, actions);
    await quai('volume', 'snapshot', '--remove', 'one', 'quiet');
    await docker('rm', '-f', 'user');
    assert.equal(await quai('volume', 'restore', 'one', 'monday'), 'one');
    assert.equal(await read('one'), 'first');
    assert.match(await quai('volume', 'snapshot', '--list', 'one'), /^NAME +CREATED AT\nmonday +\d{4}-/);
    assert.equal(await quai('volume', 'snapshot', '--list', '-q', 'one'), 'monday');
    assert.equal(await quai('volume', 'snapshot', '--remove', 'one', 'monday'), 'monday');
    assert.match(await refused('volume', 'clone', 'one', 'two'), /volume two exists already/);
    assert.equal(await read('three'), 'second');
    await docker('volume', 'rm', 'one', 'two', 'three');
  });

  test('volume export and import', async () => {
    await write('from', 'archived');
    const tar = join(folder, 'from.tar');
    await quai('volume', 'export', '-o', tar, 'from');
    assert.match(readFileSync(tar, 'latin1'), /archived/);
    assert.equal(await quai('volume', 'import', 'to', tar), 'to');
    assert.equal(await read('to'), 'archived');
    assert.match(await refused('volume', 'export', 'nothing'), /get nothing: no such volume/);
    assert.match(
      await refused('volume', 'export', '-o', folder, 'from'),
      /failed to export volume: invalid output path: .*cannot write to a directory|cannot write to a directory/,
    );
    await docker('volume', 'rm', 'from', 'to');
  });

  test('volume backup: with its checksum, the newest are kept, nothing is paused for good, and it comes back', async () => {
    await write('db', 'first');
    await docker('run', '-d', '--name', 'writer', '-v', 'db:/data', 'busybox', 'sleep', '1000');
    const backups = join(folder, 'backups');
    assert.match(await refused('volume', 'backup', 'db', backups), /is no directory of the engine's host/);
    mkdirSync(backups);
    const oldest = await quai('volume', 'backup', 'db', backups);
    await quai('volume', 'backup', '--keep', '2', '--pause', 'db', backups);
    const newest = await quai('volume', 'backup', '--keep', '2', '--pause', 'db', backups);
    assert.equal(existsSync(oldest), false);
    assert.equal(readdirSync(backups).length, 4, readdirSync(backups).join());
    const events = await docker(
      'events',
      '--since',
      '1h',
      '--until',
      String(Date.now() / 1000),
      '--filter',
      'container=writer',
      '--format',
      '{{.Action}}',
    );
    assert.equal(events.match(/pause/g)?.length, 4, events);
    assert.equal(await docker('inspect', '--format', '{{.State.Status}}', 'writer'), 'running');
    await docker('rm', '-f', 'writer');

    await write('db', 'second');
    await quai('volume', 'restore', 'db', newest);
    assert.equal(await read('db'), 'first');
    await quai('volume', 'restore', 'fresh', newest);
    assert.equal(await read('fresh'), 'first');
    const { file } = JSON.parse(readFileSync(newest, 'utf8'));
    appendFileSync(join(backups, file), 'x');
    assert.match(await refused('volume', 'restore', 'db', newest), /its checksum differs/);
    writeFileSync(
      newest,
      JSON.stringify({ ...JSON.parse(readFileSync(newest, 'utf8')), file: '../../etc/passwd' }),
    );
    assert.match(await refused('volume', 'restore', 'db', newest), /cannot read the backup/);
    assert.equal(await read('db'), 'first');
    await docker('volume', 'rm', 'db', 'fresh');
  });

  test('volume backup into a file of its own name: never written over, and none of those that --keep counts', async () => {
    await write('named', 'first');
    const directory = join(folder, 'files');
    mkdirSync(directory);
    const file = join(directory, 'named.of-today.tar.zst');
    writeFileSync(`${file}.part`, 'what a killed engine left');
    assert.equal(await quai('volume', 'backup', 'named', file), join(directory, 'named.of-today.json'));
    await quai('volume', 'backup', '--keep', '1', 'named', directory);
    await quai('volume', 'backup', '--keep', '1', 'named', directory);
    assert.equal(readdirSync(directory).length, 4, readdirSync(directory).join());
    assert.match(
      await refused('volume', 'backup', 'named', file),
      /exists already: backups are not written over/,
    );
    assert.match(await refused('volume', 'backup', '--keep', '1', 'named', `${file}.tar.zst`), /is one file/);
    await write('named', 'second');
    await quai('volume', 'restore', 'named', file);
    assert.equal(await read('named'), 'first');
    await docker('volume', 'rm', 'named');
  });

  test('a volume whose directory somebody deleted: it is said, the others are not concerned, and a restore brings it back', async () => {
    await write('lost', 'data');
    await write('beside', 'data');
    await quai('volume', 'snapshot', 'lost', 'safe');
    rmSync(join(daemon.root, 'volumes/lost'), { recursive: true });
    assert.match(
      await docker('system', 'df', '-v'),
      /^lost +0 +-1B$/m,
      'as Docker’s command line writes what is not known',
    );
    assert.match(await quai('volume', 'ls', '-s'), /^local +beside +\d/m);
    for (const words of [
      ['clone', 'lost', 'copy'],
      ['snapshot', 'lost'],
      ['export', 'lost'],
      ['rename', 'lost', 'found'],
      ['cp', 'lost:/file', '-'],
    ]) {
      assert.match(
        await refused('volume', ...words),
        /the directory of volume lost is gone: /,
        words.join(' '),
      );
    }
    await quai('volume', 'restore', 'lost', 'safe');
    assert.equal(await read('lost'), 'data');
    rmSync(join(daemon.root, 'volumes/lost'), { recursive: true });
    await docker('volume', 'rm', 'lost', 'beside');
  });

  test('an engine that is killed while it has containers paused for a backup: they go on with its next start', async () => {
    await write('slow', 'data');
    for (const name of ['frozen', 'before', 'meanwhile'])
      await docker('run', '-d', '--name', name, '-v', 'slow:/data', 'busybox', 'sleep', '1000');
    await docker('exec', 'frozen', 'dd', 'if=/dev/zero', 'of=/data/big', 'bs=1M', 'count=16');
    await docker('pause', 'before');
    const status = (name: string) => docker('inspect', '--format', '{{.State.Status}}', name);
    const { response } = await daemon.stream('GET', '/quai/volumes/slow/export?pause=1'); // nobody reads it
    response.on('error', () => undefined); // the engine ends
    await until('they are paused', async () => (await status('meanwhile')) === 'paused');
    await docker('unpause', 'meanwhile');
    await docker('pause', 'meanwhile'); // by hand: that is for as long as one likes
    await daemon.kill9();
    await daemon.start();
    assert.deepEqual(await Promise.all(['frozen', 'before', 'meanwhile'].map(status)), [
      'running',
      'paused',
      'paused',
    ]);
    assert.equal(await docker('exec', 'frozen', 'cat', '/data/file'), 'data');
    await docker('rm', '-f', 'frozen', 'before', 'meanwhile');
    await docker('volume', 'rm', 'slow');
  });

  test('volume schedule: a backup that was due while the engine was down is made at its next start', async () => {
    await write('planned', 'data');
    const backups = join(folder, 'planned');
    mkdirSync(backups);
    assert.match(await refused('volume', 'schedule', 'planned', 'often', backups), /"often" is no schedule/);
    const missing = join(folder, 'missing');
    assert.match(
      await refused('volume', 'schedule', 'planned', '@daily', missing),
      /missing" is no directory of the engine's host: make it, or mount what it is on/,
    );
    assert.match(await refused('volume', 'backup', 'planned', 'backups'), /"backups" is no absolute path/);
    const id = await quai('volume', 'schedule', '--keep', '2', 'planned', '@hourly', backups);
    const row = new RegExp(`\\n${id} +planned +@hourly +${backups} +(in|now) `);
    assert.match(await quai('volume', 'schedule', 'planned'), row);
    assert.match(await quai('volume', 'schedule'), row);
    await daemon.kill9();
    const db = new DatabaseSync(`${daemon.root}/quai.db`);
    db.prepare('UPDATE volume_schedules SET created_at = created_at - 7200000').run();
    db.close();
    await daemon.start();
    const manifests = () => readdirSync(backups).filter(name => name.endsWith('.json'));
    await until('the backup is made', () => manifests().length === 1);
    await quai('volume', 'restore', 'again', join(backups, manifests()[0] ?? ''));
    assert.equal(await read('again'), 'data');
    await quai('volume', 'rename', 'planned', 'renamed');
    assert.match(await quai('volume', 'schedule', 'renamed'), /@hourly/);
    await quai('volume', 'schedule', '--remove', id);
    assert.equal(await quai('volume', 'schedule', '-q', 'renamed'), '');
    await docker('volume', 'rm', 'renamed', 'again');
  });

  test('volume cp: files and directories into a volume and out of it, without a container', async () => {
    await docker('volume', 'create', 'box');
    const here = join(folder, 'here');
    mkdirSync(join(here, 'sub'), { recursive: true });
    writeFileSync(join(here, 'sub', 'file'), 'content');
    symlinkSync('/etc/passwd', join(here, 'link'));
    await quai('volume', 'cp', here, 'box:/');
    await quai('volume', 'cp', join(here, 'sub', 'file'), 'volume:box:/here/renamed');
    await quai('volume', 'cp', `${here}/.`, 'box:/here/sub');
    assert.equal(
      await docker(
        'run',
        '--rm',
        '-v',
        'box:/b',
        'busybox',
        'sh',
        '-c',
        'cd /b && find . | sort | tr "\\n" " " && stat -c %u here',
      ),
      '. ./here ./here/link ./here/renamed ./here/sub ./here/sub/file ./here/sub/link ./here/sub/sub ./here/sub/sub/file 0',
    );
    const out = join(folder, 'out');
    mkdirSync(out);
    await quai('volume', 'cp', 'box:/here', out);
    assert.equal(readFileSync(join(out, 'here', 'sub', 'sub', 'file'), 'utf8'), 'content');
    assert.equal(readlinkSync(join(out, 'here', 'link')), '/etc/passwd');
    await quai('volume', 'cp', 'box:/here/renamed', join(out, 'single'));
    assert.equal(readFileSync(join(out, 'single'), 'utf8'), 'content');
    await quai('volume', 'cp', 'box:/', join(out, 'all'));
    assert.equal(readFileSync(join(out, 'all', 'here', 'renamed'), 'utf8'), 'content');
    assert.match(await refused('volume', 'cp', 'box:/nothing', out), /Could not find the file \/nothing/);
    assert.match(
      await refused('volume', 'cp', join(folder, 'nothing'), 'box:/'),
      /no such file or directory/,
    );
    assert.match(await refused('volume', 'cp', here, 'box:/nowhere/x'), /Could not find the file \/nowhere/);
    await docker('volume', 'rm', 'box');
  });

  test('an engine that is killed in the middle of an import: the volume is as it was, and nothing is left', async () => {
    await write('half', 'whole');
    const body = new PassThrough();
    body.write(Buffer.alloc(4 * 1024 * 1024, 1));
    const work = `${daemon.root}/volumes/.work`;
    const answer = daemon.call('POST', '/quai/volumes/half/import', body).catch(() => undefined);
    await until('the archive comes in', () => existsSync(work) && readdirSync(work).length === 1);
    await daemon.kill9();
    body.end();
    await answer;
    await daemon.start();
    await until(
      'it is swept',
      () => readdirSync(work).length + readdirSync(`${daemon.root}/volumes/.trash`).length === 0,
    );
    assert.equal(await read('half'), 'whole');
    await docker('volume', 'rm', 'half');
  });

  test('archives of a part of a volume, as Docker has them of containers', async () => {
    await write('part', 'some');
    const read = await daemon.stream('GET', '/quai/volumes/part/archive?path=/file');
    assert.equal(read.status, 200);
    const stat = JSON.parse(
      Buffer.from(String(read.headers['x-docker-container-path-stat']), 'base64').toString(),
    );
    assert.deepEqual([stat.name, stat.size, stat.mode], ['file', 5, 0o644]);
    const chunks: Buffer[] = [];
    for await (const chunk of read.response) chunks.push(Buffer.from(chunk));
    const put = await daemon.call('PUT', '/quai/volumes/other/archive?path=/', Buffer.concat(chunks));
    assert.equal(put.status, 404);
    await docker('volume', 'create', 'other');
    assert.equal(
      (await daemon.call('PUT', '/quai/volumes/other/archive?path=/', Buffer.concat(chunks))).status,
      200,
    );
    assert.equal(readFileSync(`${daemon.root}/volumes/other/_data/file`, 'utf8'), 'some\n');
    assert.equal((await daemon.call('GET', '/quai/volumes/part/archive?path=/nothing')).status, 404);
    await docker('volume', 'rm', 'part', 'other');
  });
});
