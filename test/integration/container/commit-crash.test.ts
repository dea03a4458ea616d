import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { until } from '../../support/until.ts';

interface Inspected {
  readonly State: { readonly Status: string };
}

test('an engine that is killed while it commits leaves no image, no file, and no container paused', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const made = await daemon.call('POST', '/containers/create?name=big', {
    Image: 'busybox',
    Cmd: ['sh', '-c', 'head -c 300000000 /dev/urandom > /big; touch /ready; sleep 1000'],
    HostConfig: { NetworkMode: 'none' },
  });
  assert.equal(made.status, 201);
  await daemon.call('POST', '/containers/big/start');
  const status = async (): Promise<string> =>
    ((await daemon.call('GET', '/containers/big/json')).body as Inspected).State.Status;
  const changes = async (): Promise<string> =>
    JSON.stringify((await daemon.call('GET', '/containers/big/changes')).body);
  await until('the container has written its file', async () => (await changes()).includes('/ready'));
  const files = (): string[] =>
    readdirSync(`${daemon.root}/content`, { recursive: true, encoding: 'utf8' }).toSorted();
  const before = files();

  const cut = daemon.call('POST', '/commit?container=big&repo=x').catch(() => undefined);
  await until('the container is paused', async () => (await status()) === 'paused');
  await daemon.kill9();
  await cut;
  await daemon.start();
  await until('the container runs on', async () => (await status()) === 'running');
  assert.equal((await daemon.call('GET', '/images/x/json')).status, 404);
  await until('the files of the attempt are gone', async () => files().join() === before.join());

  // and a client that leaves is no different
  const abort = new AbortController();
  const left = daemon
    .stream('POST', '/commit?container=big&repo=x', { signal: abort.signal })
    .catch(() => undefined);
  await until('the container is paused', async () => (await status()) === 'paused');
  abort.abort();
  await left;
  await until('the container runs on', async () => (await status()) === 'running');
  assert.equal((await daemon.call('GET', '/images/x/json')).status, 404);
  await until('the files of the attempt are gone', async () => files().join() === before.join());
});
