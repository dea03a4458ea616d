import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { busyboxEntries } from '../support/busybox-image.ts';
import { HOST_ARCHITECTURE, type LayerEntry } from '../support/image-archive.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry } from '../support/registry.ts';
import { skip as cannotRun, compatEngine, loadImage } from './compat-engine.ts';
import { compatRegistry } from './compat-registry.ts';

const skip = cannotRun || cannotRunRegistry;
const OTHER = HOST_ARCHITECTURE === 'arm64' ? 'amd64' : 'arm64';
const CONFIG = { Cmd: ['sh'], Env: ['PATH=/bin'] };
let base: readonly LayerEntry[];

const registry = compatRegistry(skip);
const engine = compatEngine();

before(async () => {
  if (skip) return;
  base = await busyboxEntries();
});

/** What a registry says a tag stands for. */
async function digestAt(repository: string, tag: string): Promise<string | null> {
  const accept =
    'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
  const url = `http://${registry.host}/v2/${repository}/manifests/${tag}`;
  const answer = await fetch(url, { method: 'HEAD', headers: { accept } });
  return answer.headers.get('docker-content-digest');
}

test('docker push sends an image, and pulling it gives the same one (S033, S106, S108, S141, S144, S145, S148)', {
  skip,
}, async () => {
  const name = `${registry.host}/polytech/app:1`;
  await loadImage(engine, { tags: [name], extra: [{ path: 'mine', content: 'pushed' }] });
  const id = await engine.inspect(name, '{{.Id}}');
  const output = await engine.ok('push', name);
  assert.match(output, new RegExp(`^The push refers to repository \\[${registry.host}/polytech/app\\]\n`));
  assert.match(output, /\n[0-9a-f]{12}: Pushed/);
  const [, digest = '', size] = /\n1: digest: (sha256:[0-9a-f]{64}) size: (\d+)$/.exec(output) ?? [];
  assert.equal(await digestAt('polytech/app', '1'), digest);
  assert.ok(Number(size) > 300, output);

  const again = await engine.ok('push', name);
  assert.match(again, /\n[0-9a-f]{12}: Layer already exists/);
  assert.doesNotMatch(again, /Pushed/);
  assert.ok(again.endsWith(`1: digest: ${digest} size: ${size}`), 'the same manifest');

  await engine.ok('rmi', name);
  await engine.ok('pull', name);
  assert.equal(await engine.inspect(name, '{{.Id}}'), id);
  assert.equal(await engine.run(name, 'cat', '/mine'), 'pushed');
  await engine.ok('rmi', name);
});

test('what was pulled is pushed to another repository without sending a layer, and keeps its digest', {
  skip,
}, async () => {
  const { digest } = await publish(registry.host, 'from/here', 'v', [
    { layers: [base, [{ path: 'x', content: 'x' }]], config: CONFIG },
  ]);
  await engine.ok('pull', `${registry.proxy.host}/from/here@${digest}`);
  const name = `${registry.proxy.host}/to/there:v`;
  await engine.ok('tag', `${registry.proxy.host}/from/here@${digest}`, name);
  registry.proxy.seen.length = 0;
  const output = await engine.ok('push', name);
  assert.match(output, /[0-9a-f]{12}: Mounted from from\/here/);
  assert.equal(await digestAt('to/there', 'v'), digest);
  assert.equal(
    registry.proxy.seen.filter(({ method }) => method === 'PATCH').length,
    0,
    'nothing of a layer was sent',
  );
  await engine.ok('rmi', '-f', name, `${registry.proxy.host}/from/here@${digest}`);
});

test('docker push --all-tags sends every tag of a name', { skip }, async () => {
  const name = `${registry.host}/all/tags`;
  await loadImage(engine, { tags: [`${name}:a`, `${name}:b`] });
  const output = await engine.ok('push', '--all-tags', name);
  assert.match(output, /\na: digest: /);
  assert.match(output, /\nb: digest: /);
  assert.equal(await digestAt('all/tags', 'a'), await digestAt('all/tags', 'b'));
  await engine.ok('rmi', `${name}:a`, `${name}:b`);
});

test('an index goes back as it came when all of it is here; else the one image that is', {
  skip,
}, async () => {
  const images = [
    { layers: [base], config: CONFIG },
    { layers: [[{ path: 'arch', content: OTHER }]], config: CONFIG, architecture: OTHER },
  ];
  const { digest } = await publish(registry.host, 'many/source', '1', images);
  const source = `${registry.host}/many/source:1`;
  await engine.ok('pull', source);
  await engine.ok('tag', source, `${registry.host}/many/copy:1`);
  const partial = await engine.docker(['push', `${registry.host}/many/copy:1`]);
  assert.equal(partial.code, 0, partial.stderr);
  assert.match(partial.stdout + partial.stderr, /Not all multiplatform-content is present/);
  assert.notEqual(await digestAt('many/copy', '1'), digest);
  await engine.ok('pull', '--platform', `linux/${OTHER}`, source);
  await engine.ok('push', `${registry.host}/many/copy:1`);
  assert.equal(await digestAt('many/copy', '1'), digest);
  await engine.ok('push', '--platform', `linux/${OTHER}`, `${registry.host}/many/copy:1`);
  assert.notEqual(await digestAt('many/copy', '1'), digest);
  await engine.ok('rmi', '-f', source, `${registry.host}/many/copy:1`);
});

test('what cannot be pushed is told in the words of Docker', { skip }, async () => {
  const absent = await engine.refused('push', `${registry.host}/no/such:1`);
  assert.match(absent.stderr, /An image does not exist locally with the tag: .*no\/such/);
  await engine.ok('tag', 'busybox', '127.0.0.1:1/app');
  const gone = await engine.refused('push', '127.0.0.1:1/app');
  assert.match(gone.stderr, /connection refused/);
  await engine.ok('rmi', '127.0.0.1:1/app');
});
