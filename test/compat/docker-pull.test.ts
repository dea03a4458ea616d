import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { busyboxEntries } from '../support/busybox-image.ts';
import { HOST_ARCHITECTURE, type LayerEntry } from '../support/image-archive.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry } from '../support/registry.ts';
import { skip as cannotRun, compatEngine } from './compat-engine.ts';
import { compatRegistry } from './compat-registry.ts';

const skip = cannotRun || cannotRunRegistry;
const CONFIG = { Cmd: ['sh'], Env: ['PATH=/bin'] };
const OTHER = HOST_ARCHITECTURE === 'arm64' ? 'amd64' : 'arm64';
let base: readonly LayerEntry[];

const registry = compatRegistry(skip);
const engine = compatEngine();

before(async () => {
  if (skip) return;
  base = await busyboxEntries();
});

function file(path: string, content: string): LayerEntry[] {
  return [{ path, content }];
}

test('docker pull brings an image, and says so in the words of Docker (S098, S099, S145, S148)', {
  skip,
}, async () => {
  const { digest } = await publish(registry.host, 'team/app', 'one', [
    { layers: [base, file('one', 'first')], config: CONFIG },
  ]);
  const name = `${registry.host}/team/app:one`;
  const output = await engine.ok('pull', name);
  assert.match(output, /^one: Pulling from team\/app\n/);
  assert.match(output, /\n[0-9a-f]{12}: Pull complete/);
  assert.ok(
    output.includes(`Digest: ${digest}\nStatus: Downloaded newer image for ${name}\n${name}`),
    output,
  );
  assert.equal(await engine.run(name, 'cat', '/one'), 'first');
  assert.deepEqual(JSON.parse(await engine.inspect(name, '{{json .RepoDigests}}')), [
    `${registry.host}/team/app@${digest}`,
  ]);
  await engine.ok('rmi', name);
});

test('an unchanged tag costs one request; a changed one brings only what is new (S101, S328, S329)', {
  skip,
}, async () => {
  const name = `${registry.proxy.host}/team/app:two`;
  await publish(registry.host, 'team/app', 'two', [{ layers: [base, file('two', '1')], config: CONFIG }]);
  await engine.ok('pull', name);
  registry.proxy.seen.length = 0;
  assert.match(await engine.ok('pull', name), new RegExp(`Status: Image is up to date for ${name}`));
  assert.deepEqual(
    registry.proxy.seen.map(({ method, path }) => `${method} ${path}`),
    ['HEAD /v2/team/app/manifests/two'],
  );
  await publish(registry.host, 'team/app', 'two', [{ layers: [base, file('two', '2')], config: CONFIG }]);
  registry.proxy.seen.length = 0;
  const output = await engine.ok('pull', name);
  assert.match(output, /[0-9a-f]{12}: Already exists/);
  assert.equal(registry.proxy.count('/blobs/'), 2, 'a layer and the configuration');
  assert.equal(await engine.run(name, 'cat', '/two'), '2');
  await engine.ok('rmi', '-f', name);
});

test('NAME@DIGEST pulls exactly that, whatever the tag means by now (S030, S098)', { skip }, async () => {
  const { digest } = await publish(registry.host, 'team/app', 'moving', [
    { layers: [base, file('v', 'old')], config: CONFIG },
  ]);
  await publish(registry.host, 'team/app', 'moving', [{ layers: [base, file('v', 'new')], config: CONFIG }]);
  const name = `${registry.host}/team/app@${digest}`;
  assert.match(await engine.ok('pull', name), new RegExp(`Status: Downloaded newer image for ${name}`));
  assert.equal(await engine.run(name, 'cat', '/v'), 'old');
  const listed = await engine.ok('images', '--digests', '--format', '{{.Tag}} {{.Digest}}');
  assert.ok(listed.split('\n').includes(`<none> ${digest}`), listed);
  await engine.ok('rmi', name);
});

test('docker run pulls what is not here; --pull always, never and missing (S045, S100)', {
  skip,
}, async () => {
  await publish(registry.host, 'hello-world', 'latest', [
    { layers: [base, file('hello', 'Hello from a registry')], config: { ...CONFIG, Cmd: ['cat', '/hello'] } },
  ]);
  const name = `${registry.host}/hello-world`;
  const never = await engine.refused('run', '--rm', '--pull', 'never', name);
  assert.equal(never.code, 125);
  assert.match(never.stderr, new RegExp(`No such image: ${name}:latest`));
  const { code, stdout, stderr } = await engine.docker(['run', '--rm', name]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'Hello from a registry');
  assert.match(stderr, new RegExp(`^Unable to find image '${name}:latest' locally\n`));
  await publish(registry.host, 'hello-world', 'latest', [
    { layers: [base, file('hello', 'changed')], config: { ...CONFIG, Cmd: ['cat', '/hello'] } },
  ]);
  assert.equal(await engine.run(name), 'Hello from a registry');
  assert.equal(await engine.run('--pull', 'always', '-q', name), 'changed');
  await engine.ok('rmi', '-f', name);
});

test('an index is a choice by platform; another platform is pulled when asked for', { skip }, async () => {
  const { digest } = await publish(registry.host, 'team/many', 'latest', [
    { layers: [base, file('arch', HOST_ARCHITECTURE)], config: CONFIG },
    { layers: [file('arch', OTHER)], config: CONFIG, architecture: OTHER },
  ]);
  const name = `${registry.host}/team/many`;
  await engine.ok('pull', name);
  assert.equal(await engine.run(name, 'cat', '/arch'), HOST_ARCHITECTURE);
  await engine.ok('pull', '--platform', `linux/${OTHER}`, name);
  assert.equal(await engine.run(name, 'cat', '/arch'), HOST_ARCHITECTURE);
  assert.ok((await engine.inspect(name, '{{json .RepoDigests}}')).includes(digest));
  const { stderr } = await engine.refused('pull', '--platform', 'linux/s390x', name);
  assert.match(
    stderr,
    /no matching manifest for linux\/s390x in the manifest list entries: it is for linux\//,
  );
  await engine.ok('rmi', '-f', name);
});

test('docker pull --all-tags brings every tag', { skip }, async () => {
  for (const tag of ['a', 'b']) {
    await publish(registry.host, 'team/tags', tag, [{ layers: [base, file('tag', tag)], config: CONFIG }]);
  }
  const name = `${registry.host}/team/tags`;
  await engine.ok('pull', '-a', name);
  assert.equal(await engine.ok('images', '--format', '{{.Tag}}', name), 'b\na');
  await engine.ok('rmi', '-f', `${name}:a`, `${name}:b`);
});

test('what cannot be pulled is told in the words of Docker, with the status that clients look for', {
  skip,
}, async () => {
  const absent = await engine.refused('pull', `${registry.host}/team/absent`);
  assert.equal(absent.code, 1);
  assert.match(
    absent.stderr,
    new RegExp(`manifest for ${registry.host}/team/absent:latest not found: manifest unknown`),
  );
  const gone = await engine.refused('pull', '127.0.0.1:1/app');
  assert.match(gone.stderr, /dial tcp 127\.0\.0\.1:1: connect: connection refused/);
});

test('a pull that is cut goes on in the next one, and leaves nothing half-made', { skip }, async () => {
  const noise = Buffer.alloc(6_000_000);
  for (let at = 0; at < noise.length; at += 4) noise.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
  await publish(registry.host, 'team/big', 'latest', [
    { layers: [base, [{ path: 'noise', content: noise }]], config: CONFIG, compress: 'none' },
  ]);
  const name = `${registry.proxy.host}/team/big`;
  registry.proxy.fault = ({ path }) => (path.includes('/blobs/') ? { cutAfter: 2_000_000 } : undefined);
  registry.proxy.seen.length = 0;
  await engine.ok('pull', name);
  assert.ok(
    registry.proxy.seen.some(({ headers }) => /^bytes=\d+-/.test(headers.range ?? '')),
    'the rest was asked for',
  );
  registry.proxy.fault = () => undefined;
  assert.equal(await engine.run(name, 'wc', '-c', '/noise'), '6000000 /noise');
  await engine.ok('rmi', '-f', name);
});

test('docker search finds a repository in the catalogue of a registry (S105)', { skip }, async () => {
  await publish(registry.host, 'find/me', 'latest', [{ layers: [file('x', 'x')], config: CONFIG }]);
  assert.equal(
    await engine.ok('search', '--format', '{{.Name}}', `${registry.host}/find`),
    `${registry.host}/find/me`,
  );
});

test('docker manifest-like questions are answered from the registry: GET /distribution/{name}/json', {
  skip,
}, async () => {
  const { digest } = await publish(registry.host, 'team/asked', '1', [
    { layers: [file('x', 'x')], config: CONFIG },
  ]);
  const answer = await engine.daemon.call('GET', `/distribution/${registry.host}/team/asked:1/json`);
  assert.equal(answer.status, 200);
  const { Descriptor, Platforms } = answer.body as { Descriptor: { digest: string }; Platforms: object[] };
  assert.equal(Descriptor.digest, digest);
  assert.deepEqual(Platforms, [{ architecture: HOST_ARCHITECTURE, os: 'linux' }]);
});
