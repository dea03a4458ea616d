import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../support/busybox-daemon.ts';
import { cannotRunDocker, type TestDaemon } from '../support/daemon.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { ownHome, type ProgramResult, runProgram } from '../support/programs.ts';
import { cannotRunRegistry, TestRegistry } from '../support/registry.ts';
import { until } from '../support/until.ts';

const skip = cannotRunContainers || cannotRunDocker || cannotRunRegistry;
const SKOPEO = '/usr/bin/skopeo';

describe('backups of volumes in a registry', { skip }, () => {
  let folder: string;
  let daemon: TestDaemon;
  let open: TestRegistry;
  let locked: TestRegistry;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quai-volume-artifacts-'));
    open = await TestRegistry.start();
    locked = await TestRegistry.start({ auth: 'ann' });
    daemon = await startBusyboxDaemon();
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await open?.[Symbol.asyncDispose]();
    await locked?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const docker = (...words: string[]): Promise<string> => daemon.ok('docker', words);
  function run(words: readonly string[], input?: string): Promise<ProgramResult> {
    const env = ownHome(folder);
    return daemon.quai(words, { env, ...(input === undefined ? {} : { input }) });
  }
  const quai = (...words: string[]): Promise<string> => daemon.ok('quai', words, { env: ownHome(folder) });
  const refused = (...words: string[]): Promise<string> =>
    daemon.refused('quai', words, { env: ownHome(folder) });
  const write = (volume: string, text: string): Promise<string> =>
    docker('run', '--rm', '-v', `${volume}:/data`, 'busybox', 'sh', '-c', `echo ${text} > /data/file`);
  const read = (volume: string): Promise<string> =>
    docker('run', '--rm', '-v', `${volume}:/data`, 'busybox', 'cat', '/data/file');

  test('volume backup and restore oci://…: by tag, by digest, without a tag; skopeo sees an artifact', async () => {
    await write('db', 'first');
    await docker('run', '-d', '--name', 'writer', '-v', 'db:/data', 'busybox', 'sleep', '1000');
    const place = `oci://${open.host}/backups/db`;
    const first = await quai('volume', 'backup', '--pause', 'db', `${place}:monday`);
    assert.match(first, new RegExp(`^${place}:monday@sha256:[0-9a-f]{64}$`));
    assert.equal(await docker('inspect', '--format', '{{.State.Status}}', 'writer'), 'running');
    await docker('rm', '-f', 'writer');
    await write('db', 'second');
    assert.match(await quai('volume', 'backup', 'db', place), /:\d{8}T\d{6}\.\d{3}Z@/);
    await write('db', 'third');
    assert.equal(await quai('volume', 'restore', 'db', `${place}:monday`), 'db');
    assert.equal(await read('db'), 'first');
    await quai('volume', 'restore', 'fresh', first);
    assert.equal(await read('fresh'), 'first');
    await quai('volume', 'restore', 'db', place);
    assert.equal(await read('db'), 'second');

    if (existsSync(SKOPEO)) {
      const words = ['inspect', '--raw', '--tls-verify=false', `docker://${open.host}/backups/db:monday`];
      const manifest = JSON.parse((await runProgram(SKOPEO, words)).stdout);
      assert.equal(manifest.artifactType, 'application/vnd.quai.volume.backup.v1');
      assert.equal(manifest.config.mediaType, 'application/vnd.oci.empty.v1+json');
      assert.equal(manifest.annotations['quai.volume.driver'], 'local');
      const copy = join(folder, 'copy');
      const from = `docker://${open.host}/backups/db:monday`;
      const copied = await runProgram(SKOPEO, ['copy', '--src-tls-verify=false', from, `dir:${copy}`]);
      assert.equal(copied.code, 0, copied.stderr);
      assert.ok(readdirSync(copy).includes(manifest.layers[0].digest.slice('sha256:'.length)));
    }
    await docker('volume', 'rm', 'db', 'fresh');
  });

  test('what is wrong is said, and nothing is changed', async () => {
    await write('db', 'kept');
    const place = `oci://${open.host}/nothing`;
    assert.match(await refused('volume', 'backup', 'nope', `${place}:x`), /get nope: no such volume/);
    assert.match(
      await refused('volume', 'backup', 'db', 'oci://localhost/UPPER'),
      /must be lowercase|invalid reference/,
    );
    assert.match(
      await refused('volume', 'backup', '--keep', '2', 'db', `${place}:x`),
      /has a tag, .*leave it out/,
    );
    assert.match(await refused('volume', 'restore', 'db', `${place}:x`), /not found|manifest unknown/);
    assert.match(await refused('volume', 'restore', 'db', place), /NAME_UNKNOWN|not found|not known/i);
    const closed = `127.0.0.1:1`;
    assert.match(await refused('volume', 'backup', 'db', `oci://${closed}/x:y`), /connection refused/);
    assert.equal(await read('db'), 'kept');
    const both = await daemon.call('POST', '/quai/volumes/db/backups', { Directory: '/tmp', Artifact: 'x' });
    assert.equal(both.status, 400);
    await docker('volume', 'rm', 'db');
  });

  test('the registry’s password comes from quai login, also for a schedule, and is never shown', async () => {
    await write('db', 'secret place');
    const place = `oci://${locked.host}/backups/db`;
    assert.match(await refused('volume', 'backup', 'db', `${place}:x`), /quai login 127\.0\.0\.1:/);
    const login = await run(['login', '-u', 'ann', '--password-stdin', locked.host], 'canary-5b2f');
    assert.equal(login.code, 0, login.stderr);
    await quai('volume', 'backup', 'db', `${place}:x`);
    const id = await quai('volume', 'schedule', '--keep', '1', 'db', '@hourly', place);
    const table = await quai('volume', 'schedule');
    assert.match(table, /^ID\s+VOLUME\s+SCHEDULE\s+TARGET\s+NEXT RUN\s+LAST RUN\s+LAST ERROR\n/);
    assert.match(table, new RegExp(`\\n${id}\\s+db\\s+@hourly\\s+${place}\\s+(in|now) `));
    const { body } = await daemon.call('GET', '/quai/volume-schedules');
    assert.doesNotMatch(JSON.stringify(body), /canary|ann/);

    await daemon.kill9();
    const db = new DatabaseSync(`${daemon.root}/quai.db`);
    db.prepare('UPDATE volume_schedules SET created_at = created_at - 7200000').run();
    db.close();
    await daemon.start();
    await until(
      'the backup is made',
      async () => (await run(['volume', 'restore', 'again', place])).code === 0,
    );
    assert.equal(await read('again'), 'secret place');
    assert.doesNotMatch(daemon.log, /canary/);
    await quai('volume', 'schedule', '--remove', id, 'db');
    assert.equal(await quai('volume', 'schedule', '-q'), '');
    await docker('volume', 'rm', 'db', 'again');
  });

  test('two backups at a time pause a container once, and one that starts meanwhile waits', async () => {
    await using proxy = await FaultProxy.before(open.port);
    const place = `oci://${proxy.host}/backups/busy`;
    await write('db', 'first');
    await docker('run', '-d', '--name', 'writer', '-v', 'db:/data', 'busybox', 'sleep', '1000');
    const status = (): Promise<string> => docker('inspect', '--format', '{{.State.Status}}', 'writer');
    const since = String(Date.now() / 1000);
    const goOn = Promise.withResolvers<undefined>();
    proxy.fault = ({ method }) => (method === 'PATCH' ? goOn.promise : undefined);
    const one = quai('volume', 'backup', '--pause', 'db', `${place}:one`);
    await until('it is paused', async () => (await status()) === 'paused');
    const two = quai('volume', 'backup', '--pause', 'db', `${place}:two`);
    const late = docker('run', '--name', 'late', '-v', 'db:/data', 'busybox', 'cat', '/data/file');
    await until(
      'both are under way',
      () => proxy.seen.filter(({ method }) => method === 'PATCH').length >= 2,
    );
    goOn.resolve(undefined);
    await Promise.all([one, two]);
    assert.equal(await status(), 'running');
    assert.equal(await late, 'first');
    const words = ['events', '--since', since, '--until', String(Date.now() / 1000)];
    const events = await docker(...words, '--format', '{{.Actor.Attributes.name}} {{.Action}}');
    const told = events.split('\n').filter(line => /^writer |^late start/.test(line));
    assert.deepEqual(told, ['writer pause', 'writer unpause', 'late start']);
    await docker('rm', '-f', 'writer', 'late');
    await docker('volume', 'rm', 'db');
  });

  test('an engine that is killed during a backup or a restore: nothing is left, paused or changed', async () => {
    await using proxy = await FaultProxy.before(open.port);
    const place = `oci://${proxy.host}/backups/killed`;
    await write('db', 'first');
    await quai('volume', 'backup', 'db', `${place}:good`);
    await write('db', 'second');
    await docker('run', '-d', '--name', 'writer', '-v', 'db:/data', 'busybox', 'sleep', '1000');
    proxy.fault = ({ method }) => (method === 'PATCH' ? { delayMs: 60_000 } : undefined);
    const making = run(['volume', 'backup', '--pause', 'db', `${place}:bad`]);
    await until('the archive is on its way', () => proxy.seen.some(({ method }) => method === 'PATCH'));
    await until('it is paused', async () =>
      (await docker('ps', '--format', '{{.Status}}')).includes('(Paused)'),
    );
    await daemon.kill9();
    assert.notEqual((await making).code, 0);
    await daemon.start();
    assert.equal(await docker('exec', 'writer', 'cat', '/data/file'), 'second');
    await docker('rm', '-f', 'writer');

    let asked = 0;
    proxy.fault = ({ method, path }) => {
      if (method !== 'GET' || !path.includes('/blobs/sha256:')) return undefined;
      asked += 1;
      return { stallAfter: 50 };
    };
    const restoring = run(['volume', 'restore', 'db', `${place}:good`]);
    await until('the archive comes', () => asked > 0);
    await daemon.kill9();
    assert.notEqual((await restoring).code, 0);
    await daemon.start();
    assert.equal(await read('db'), 'second');
    await until('it is swept', () => readdirSync(`${daemon.root}/volumes/.work`).length === 0);
    proxy.fault = () => undefined;
    assert.match(await refused('volume', 'restore', 'db', `${place}:bad`), /not found/);
    await quai('volume', 'restore', 'db', `${place}:good`);
    assert.equal(await read('db'), 'first');
    await docker('volume', 'rm', 'db');
  });
});
