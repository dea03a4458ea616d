import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import type { TestDaemon } from '../support/daemon.ts';
import { cannotMountFuse, SilentFuse } from '../support/silent-fuse.ts';
import { until } from '../support/until.ts';
import { assertAnswers, attackEngine, skip } from './attack-engine.ts';

const engine = attackEngine();

async function pidOf(daemon: TestDaemon, name: string): Promise<number> {
  const { body } = await daemon.call('GET', `/containers/${name}/json`);
  return (body as { State: { Pid: number } }).State.Pid;
}

async function look(name: string, path: string, signal?: AbortSignal): Promise<number> {
  const options = signal ? { signal } : {};
  return (await engine.daemon.call('HEAD', `/containers/${name}/archive?path=${path}`, undefined, options))
    .status;
}

/** While one waits for a server that says nothing, everybody else is served. */
async function servesOthers(): Promise<void> {
  await assertAnswers(engine.daemon);
  assert.equal(await look('other', '/etc/passwd'), 200);
  const archive = Buffer.concat([tarEntry({ path: 'file' }, 'text'), TAR_END]);
  assert.equal((await engine.daemon.call('PUT', '/containers/other/archive?path=/tmp', archive)).status, 200);
}

/** @returns the status of the answer, or what the client has who leaves after a moment */
async function leavesSoon(name: string, path: string): Promise<unknown> {
  return await look(name, path, AbortSignal.timeout(500)).catch((error: Error) => error.name);
}

test('copying what a server that says nothing has, in a container that runs, keeps nobody waiting but the client, and him not for ever', {
  skip: skip || cannotMountFuse,
}, async () => {
  await engine.start('other');
  await engine.start('waits', {
    Cmd: ['sh', '-c', 'mkdir /far; touch /ready; sleep 1000'],
    HostConfig: { NetworkMode: 'none', CapAdd: ['SYS_ADMIN'] }, // it may mount
  });
  await until('the place is there', async () => (await look('waits', '/ready')) === 200);
  using far = new SilentFuse('/far', await pidOf(engine.daemon, 'waits'));

  assert.notEqual(await leavesSoon('waits', '/far/file'), 200);
  await servesOthers();
  const waiting = engine.daemon.call('GET', '/containers/waits/archive?path=/far/file');
  await servesOthers();
  const { status, body } = await waiting;
  assert.equal(status, 503);
  assert.match(JSON.stringify(body), /\/far\/file in container waits has not answered for 20 s/);
  await servesOthers();

  far.end();
  await until('the container is looked at again', async () => (await look('waits', '/etc/passwd')) === 200);
  await engine.remove('waits');
  await engine.remove('other');
  await engine.assertUnharmed();
});

test('so does it in one that does not run, and an engine that has to stop meanwhile stops', {
  skip: skip || cannotMountFuse,
}, async () => {
  const { daemon } = engine;
  await engine.start('other');
  const source = join(engine.folder, 'far');
  mkdirSync(source);
  const HostConfig = { NetworkMode: 'none', Binds: [`${source}:/far`] };
  const made = await daemon.call('POST', '/containers/create?name=lies', {
    Image: 'busybox',
    Cmd: ['true'],
    HostConfig,
  });
  assert.equal(made.status, 201);
  using far = new SilentFuse(source);

  assert.notEqual(await leavesSoon('lies', '/far'), 200);
  await servesOthers();
  await daemon.stop();
  far[Symbol.dispose]();
  await daemon.start();
  assert.equal(await look('lies', '/far'), 200);
  await engine.remove('lies');
  await engine.remove('other');
  await engine.assertUnharmed();
});
