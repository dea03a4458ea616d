import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';
import { until } from '../../support/until.ts';

async function run(daemon: TestDaemon, script: string, binds: readonly string[] = []): Promise<void> {
  const made = await daemon.call('POST', '/containers/create?name=subject', {
    Image: 'busybox',
    Cmd: ['sh', '-c', `${script}; touch /ready; exec sleep 1000`],
    HostConfig: { NetworkMode: 'none', Binds: binds },
  });
  assert.equal(made.status, 201);
  assert.equal((await daemon.call('POST', '/containers/subject/start')).status, 204);
  await until('the container has written its files', () => hasChange(daemon, '/ready'));
}

async function hasChange(daemon: TestDaemon, path: string): Promise<boolean> {
  const { body } = await daemon.call('GET', '/containers/subject/changes');
  return (body as { Path: string }[] | null)?.some(({ Path }) => Path === path) ?? false;
}

test('no image is made of a container that is removed while it is read', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  await run(daemon, 'for i in 1 2 3 4 5 6 7 8; do head -c 40000000 /dev/urandom > /file$i; done');
  const files = (): string => readdirSync(`${daemon.root}/content`, { recursive: true }).join();
  const before = files();

  const commit = daemon.call('POST', '/commit?container=subject&repo=x&pause=0');
  await until('it is being read', () => files() !== before);
  assert.equal((await daemon.call('DELETE', '/containers/subject?force=1')).status, 204);

  const { status, body } = await commit;
  assert.equal(status, 404, JSON.stringify(body));
  assert.equal((await daemon.call('GET', '/images/x/json')).status, 404);
});

test('an archive of a container that ends meanwhile does not look complete without its volumes', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  await run(daemon, 'head -c 60000000 /dev/zero > /d/a; echo kept > /d/z/file', ['data:/d/z']);

  const { status, response } = await daemon.stream('GET', '/containers/subject/archive?path=/d');
  assert.equal(status, 200);
  assert.equal((await daemon.call('POST', '/containers/subject/kill')).status, 204);

  let text = '';
  const read = async (): Promise<void> => {
    for await (const chunk of response) text += (chunk as Buffer).toString('latin1').replaceAll('\0', '');
  };
  await assert.rejects(read);
  assert.ok(text.includes('d/a'), 'the beginning came');
});

test('what is copied into a volume of a container that ends meanwhile is in the volume', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  await run(daemon, 'true', ['data:/z']);
  const many = Array.from({ length: 3000 }, (_, index) => tarEntry({ path: `a${index}` }, 'text'));
  const archive = Buffer.concat([...many, tarEntry({ path: 'z/file' }, 'kept'), TAR_END]);

  const sent = daemon.call('PUT', '/containers/subject/archive?path=/', archive);
  await until('it is being unpacked', () => hasChange(daemon, '/a0'));
  assert.equal((await daemon.call('POST', '/containers/subject/kill')).status, 204);
  const { status, body } = await sent;
  assert.equal(status, 200, JSON.stringify(body));

  assert.equal((await daemon.call('HEAD', '/containers/subject/archive?path=/z/file')).status, 200);
});
