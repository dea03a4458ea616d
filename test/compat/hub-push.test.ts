import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { busyboxEntries } from '../support/busybox-image.ts';
import { HOST_ARCHITECTURE, type LayerEntry } from '../support/image-archive.ts';
import { publish } from '../support/published-image.ts';
import { RegistryServer } from '../support/registry-server.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const OTHER = HOST_ARCHITECTURE === 'arm64' ? 'amd64' : 'arm64';
const CONFIG = { Cmd: ['sh'], Env: ['PATH=/bin'] };
let base: readonly LayerEntry[];
let server: RegistryServer;

before(async () => {
  if (skip) return;
  server = await RegistryServer.start();
  base = await busyboxEntries();
});
after(async () => {
  await server?.[Symbol.asyncDispose]();
});
const engine = compatEngine();

test('docker push brings an image into the registry, docker pull gets the same one (S141, S149)', {
  skip,
}, async () => {
  const name = `${server.host}/team/app:1`;
  await loadImage(engine, { tags: [name], extra: [{ path: 'mine', content: 'pushed' }] });
  const id = await engine.inspect(name, '{{.Id}}');
  const output = await engine.ok('push', name);
  assert.match(output, /\n[0-9a-f]{12}: Pushed/);
  const [, digest = ''] = /\n1: digest: (sha256:[0-9a-f]{64}) size: \d+$/.exec(output) ?? [];
  const [tag] = server.registry.catalog.tags('team/app');
  assert.equal(tag?.digest, digest);
  assert.deepEqual(tag?.platforms, [{ os: 'linux', architecture: HOST_ARCHITECTURE }]);

  const again = await engine.ok('push', name);
  assert.match(again, /\n[0-9a-f]{12}: Layer already exists/);

  await engine.ok('rmi', name);
  await engine.ok('pull', name);
  assert.equal(await engine.inspect(name, '{{.Id}}'), id);
  assert.equal(await engine.run(name, 'cat', '/mine'), 'pushed');
  assert.equal(server.registry.catalog.find('team/app')?.pulls, 1);
  await engine.ok('rmi', name);
});

test('what another repository has is mounted and not sent', { skip }, async () => {
  const { digest } = await publish(server.host, 'from/here', 'v', [
    { layers: [base, [{ path: 'x', content: 'x' }]], config: CONFIG },
  ]);
  await engine.ok('pull', `${server.host}/from/here:v`);
  await engine.ok('tag', `${server.host}/from/here:v`, `${server.host}/to/there:v`);
  assert.match(await engine.ok('push', `${server.host}/to/there:v`), /[0-9a-f]{12}: Mounted from from\/here/);
  assert.equal(server.registry.catalog.tags('to/there')[0]?.digest, digest);
  await engine.ok('rmi', `${server.host}/from/here:v`, `${server.host}/to/there:v`);
});

test('docker pull takes the image of its platform from an index', { skip }, async () => {
  await publish(server.host, 'many/platforms', '1', [
    { layers: [base], config: { ...CONFIG, Labels: { mine: 'yes' } } },
    { layers: [base], config: CONFIG, architecture: OTHER },
  ]);
  const name = `${server.host}/many/platforms:1`;
  await engine.ok('pull', name);
  assert.equal(await engine.inspect(name, '{{.Config.Labels.mine}}'), 'yes');
  assert.equal(server.registry.catalog.tags('many/platforms')[0]?.platforms.length, 2);
  await engine.ok('rmi', name);
});

test('docker pull of what is not there says so', { skip }, async () => {
  const { stderr } = await engine.refused('pull', `${server.host}/no/such:1`);
  assert.match(stderr, /not known to registry|not found|manifest unknown/);
  const tag = await engine.refused('pull', `${server.host}/many/platforms:2`);
  assert.match(tag.stderr, /manifest unknown|not found/);
});
