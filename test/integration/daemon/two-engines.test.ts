import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { mounts } from '../../support/leak-check.ts';
import type { ProgramResult } from '../../support/programs.ts';
import { PATIENCE_MS } from '../../support/until.ts';

const skip = cannotRunContainers;

interface Place {
  readonly root: string;
  readonly runDir: string;
  readonly socket: string;
}

/** One that starts after all is killed, and the test fails on its status. */
function startAnother(daemon: TestDaemon, place: Partial<Place>): Promise<ProgramResult> {
  const { folder } = daemon;
  const { root, runDir, socket } = { ...otherPlace(folder), ...place };
  const flags = ['--root', root, '--run-dir', runDir, '--host', `unix://${socket}`];
  return daemon.quai(['daemon', ...flags], { timeoutMs: PATIENCE_MS });
}

function otherPlace(folder: string): Place {
  return { root: `${folder}/root2`, runDir: `${folder}/run2`, socket: `${folder}/q2.sock` };
}

test('an engine that shares a folder or the socket is refused, and changes nothing', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  await daemon.call('POST', '/containers/create?name=sleeper', { Image: 'busybox', Cmd: ['sleep', '1000'] });
  assert.equal((await daemon.call('POST', '/containers/sleeper/start')).status, 204);
  const state = async (): Promise<unknown> => (await daemon.call('GET', '/containers/sleeper/json')).body;
  const before = { state: await state(), mounts: mountsIn(daemon) };

  const ways: readonly (readonly [Partial<Place>, string])[] = [
    [{ root: daemon.root }, `already uses ${daemon.root}: stop it, or choose another folder with --root`],
    [
      { runDir: daemon.runDir },
      `already uses ${daemon.runDir}: stop it, or choose another folder with --run-dir`,
    ],
    [{ socket: daemon.socketPath }, `already listens on ${daemon.socketPath}: stop it, or choose another`],
  ];
  for (const [place, message] of ways) {
    const { code, stderr } = await startAnother(daemon, place);
    assert.equal(code, 75, stderr);
    assert.ok(stderr.includes(message), stderr);
  }

  assert.deepEqual({ state: await state(), mounts: mountsIn(daemon) }, before);
});

test('an engine does not put its socket in the place of a file', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  const socket = `${daemon.folder}/notes`;
  writeFileSync(socket, 'kept');
  mkdirSync(`${daemon.folder}/folder`);

  for (const path of [socket, `${daemon.folder}/folder`]) {
    const { code, stderr } = await startAnother(daemon, { socket: path });
    assert.equal(code, 75, stderr);
    assert.ok(stderr.includes(`${path} is there and is no socket`), stderr);
  }

  assert.equal(readFileSync(socket, 'utf8'), 'kept');
});

test('engines that start at the same moment take different ranges of addresses', { skip }, async () => {
  await using engines = new AsyncDisposableStack();
  const daemons = await Promise.all(Array.from({ length: 3 }, async () => engines.use(await startDaemon())));
  const subnets = await Promise.all(
    daemons.map(async daemon => {
      const { body } = await daemon.call('GET', '/networks/bridge');
      return (body as { IPAM: { Config: { Subnet: string }[] } }).IPAM.Config[0]?.Subnet;
    }),
  );
  assert.equal(new Set(subnets).size, daemons.length, subnets.join(' '));
});

function mountsIn(daemon: TestDaemon): string[] {
  return mounts().filter(mount => mount.includes(daemon.folder));
}
