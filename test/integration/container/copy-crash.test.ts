import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { until } from '../../support/until.ts';

test('an engine that is killed while it copies leaves no mount, no file, and the container as it was', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const made = await daemon.call('POST', '/containers/create?name=big', {
    Image: 'busybox',
    Cmd: ['sh', '-c', 'head -c 50000000 /dev/urandom > /big'],
    HostConfig: { NetworkMode: 'none', Binds: ['data:/data', '/etc/hostname:/one:ro'] },
  });
  assert.equal(made.status, 201);
  const start = async (): Promise<void> => {
    const started = await daemon.call('POST', '/containers/big/start');
    assert.equal(started.status, 204, JSON.stringify(started.body));
    assert.equal((await daemon.call('POST', '/containers/big/wait')).status, 200);
  };
  await start();
  const folders = (): string[] => readdirSync(`${daemon.root}/containers`);
  assert.equal(folders().length, 1);

  // one that reads, and one that sends: neither goes on
  const reading = await daemon.stream('GET', '/containers/big/archive?path=/');
  assert.equal(reading.status, 200);
  reading.response.on('error', () => undefined);
  const sent = new PassThrough();
  sent.on('error', () => undefined);
  const sending = daemon.call('PUT', '/containers/big/archive?path=/', sent).catch((error: unknown) => error);
  sent.write(Buffer.alloc(512));
  await until('the archive is being kept', () => folders().length === 2);
  await daemon.kill9();
  await sending;
  await daemon.start();
  await until('the rest of the archive is gone', () => folders().length === 1);
  await start();

  // a client that leaves is no different
  const abort = new AbortController();
  const left = await daemon.stream('GET', '/containers/big/archive?path=/', { signal: abort.signal });
  left.response.on('error', () => undefined);
  abort.abort();
  const archive = Buffer.concat([tarEntry({ path: 'new' }, 'new'), TAR_END]);
  assert.equal((await daemon.call('PUT', '/containers/big/archive?path=/data', archive)).status, 200);
  await start();
});
