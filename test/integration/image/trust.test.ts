import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildImageWith } from '../../support/build-image.ts';
import { busyboxMissing, makeBusyboxArchive } from '../../support/busybox-image.ts';
import { cannotRunDocker, startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { dockerArchive, HOST_ARCHITECTURE, sha256 } from '../../support/image-archive.ts';
import { publish } from '../../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { newKey, signAt, statement, type TestKey } from '../../support/signing.ts';

const skip = cannotRunDocker || cannotRunRegistry || busyboxMissing();
let registry: TestRegistry;
let daemon: TestDaemon;
let policyPath: string;
const key = newKey();
const stranger = newKey('ed25519');

before(async () => {
  if (skip) return;
  registry = await TestRegistry.start();
  policyPath = join(registry.folder, 'trust.json');
  daemon = await startDaemon({ config: { 'trust-policy': policyPath } });
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

function require(...keys: readonly TestKey[]): void {
  const rules = [
    { prefix: `${registry.host}/signed`, require: 'signature', keys: keys.map(({ publicPem }) => publicPem) },
    { prefix: `${registry.host}/bad`, require: 'refusal' },
  ];
  setRules(rules);
}

function setRules(rules: readonly object[]): void {
  writeFileSync(policyPath, JSON.stringify({ rules }));
}

async function put(name: string): Promise<string> {
  const { digest } = await publish(registry.host, name, '1', [
    { layers: [[{ path: 'f', content: name }]], config: { Cmd: ['/f'] } },
  ]);
  return digest;
}

async function pull(name: string): Promise<{ code: number; stderr: string }> {
  return await daemon.docker(['pull', `${registry.host}/${name}:1`]);
}

test('what is not signed as the policy wants is not pulled; what is, is', { skip }, async () => {
  require(key);
  const digest = await put('signed/app');
  const bare = await pull('signed/app');
  assert.equal(bare.code, 1);
  assert.match(
    bare.stderr,
    /signed\/app:1 \(sha256:[0-9a-f]{64}\) is not signed with the key that the trust policy/,
  );

  await signAt(registry.host, 'signed/app', digest, stranger);
  assert.match((await pull('signed/app')).stderr, /is not signed/, 'by somebody else');
  await signAt(registry.host, 'signed/app', digest, key, statement(`sha256:${'0'.repeat(64)}`));
  assert.match((await pull('signed/app')).stderr, /is not signed/, 'about something else');

  await signAt(registry.host, 'signed/app', digest, key);
  const good = await pull('signed/app');
  assert.equal(good.code, 0, good.stderr);
});

test('names without a rule are free; names that are refused are refused', { skip }, async () => {
  require(key);
  for (const name of ['free/app', 'bad/app']) await put(name);
  assert.equal((await pull('free/app')).code, 0);
  assert.match((await pull('bad/app')).stderr, /is refused by the trust policy of this engine/);
});

test('containers are made of signed images only, by the keys of the day, whatever way an image came', {
  skip,
}, async () => {
  require(key);
  const digest = await put('signed/run');
  await signAt(registry.host, 'signed/run', digest, key);
  assert.equal((await pull('signed/run')).code, 0);
  const name = `${registry.host}/signed/run:1`;
  const create = (image: string) => daemon.docker(['create', image]);
  assert.equal((await create(name)).code, 0);
  require(stranger);
  assert.match((await create(name)).stderr, /is not signed/, 'that key is not trusted any more');
  const id = (await daemon.docker(['inspect', '-f', '{{.Id}}', name])).stdout.trim();
  assert.match((await create(id)).stderr, /is not signed/, 'nor by the ID');
  require(key, stranger);
  assert.equal((await create(name)).code, 0);

  assert.equal((await daemon.docker(['load', '-q', '-i', await makeBusyboxArchive()])).code, 0);
  assert.equal((await daemon.docker(['tag', 'busybox', `${registry.host}/signed/loaded:1`])).code, 0);
  assert.match(
    (await create(`${registry.host}/signed/loaded:1`)).stderr,
    /is not signed/,
    'a name proves nothing',
  );
  assert.equal((await create('busybox')).code, 0);
});

test('builds start from and copy from signed images only, whatever way an image came', {
  skip,
}, async () => {
  require(key);
  const digest = await put('signed/base');
  const name = `${registry.host}/signed/base:1`;
  const dockerfiles = [
    `FROM ${name}\nLABEL a=b\n`,
    `FROM scratch\nCOPY --from=${name} /f /f\n`,
    `FROM ${name} AS base\nFROM scratch\nCOPY --from=base /f /f\n`,
  ];
  const build = async (dockerfile: string) =>
    await buildImageWith(daemon, dockerfile, { query: { pull: '0' } });
  for (const dockerfile of dockerfiles)
    assert.match((await build(dockerfile)).error ?? '', /is not signed with the key/, dockerfile);

  // It comes another way, and then unsigned under a name that must be signed.
  const image = { tags: [name], layers: [[{ path: 'f', content: 'loaded' }]], config: { Cmd: ['/f'] } };
  await daemon.call('POST', '/images/load', dockerArchive([image]));
  for (const dockerfile of dockerfiles)
    assert.match((await build(dockerfile)).error ?? '', /is not signed with the key/, dockerfile);
  await daemon.ok('docker', ['rmi', name]);

  await signAt(registry.host, 'signed/base', digest, key);
  for (const dockerfile of dockerfiles) assert.equal((await build(dockerfile)).error, undefined, dockerfile);
  require(stranger);
  for (const dockerfile of dockerfiles)
    assert.match((await build(dockerfile)).error ?? '', /is not signed with the key/, dockerfile);
});

test('what counts is the image that would run, not another of its name', { skip }, async () => {
  const [own, other] = HOST_ARCHITECTURE === 'amd64' ? ['amd64', '386'] : ['arm64', 'amd64'];
  const variant = (architecture: string) => ({
    layers: [[{ path: 'f', content: architecture }]],
    config: { Cmd: ['/f'] },
    architecture,
  });
  setRules([]);
  const images = [variant(own), variant(other)];
  const { manifests } = await publish(registry.host, 'signed/many', '1', images);
  const name = `${registry.host}/signed/many`;
  for (const platform of [own, other]) {
    assert.equal((await daemon.docker(['pull', '--platform', `linux/${platform}`, `${name}:1`])).code, 0);
  }
  // One of both is signed, by itself.
  require(key);
  const digest = sha256(manifests[0] ?? Buffer.alloc(0));
  await signAt(registry.host, 'signed/many', digest, key);
  assert.equal((await daemon.docker(['pull', `${name}@${digest}`])).code, 0);
  const create = (platform: string) =>
    daemon.docker(['create', '--platform', `linux/${platform}`, `${name}:1`]);
  assert.equal((await create(own)).code, 0);
  assert.match((await create(other)).stderr, /is not signed/);
});

test('nobody gets around a rule by another spelling of the registry', { skip }, async () => {
  setRules([{ prefix: `localhost:${registry.port}/bad`, require: 'refusal' }]);
  await put('bad/spelt');
  for (const host of ['localhost', 'LOCALHOST']) {
    const { stderr } = await daemon.docker(['pull', `${host}:${registry.port}/bad/spelt:1`]);
    assert.match(stderr, /is refused by the trust policy of this engine/, host);
  }
});

test('an image without a name is held against the rule for all', { skip }, async () => {
  setRules([]);
  const image = { tags: [], layers: [[{ path: 'f', content: 'nameless' }]], config: { Cmd: ['/f'] } };
  const loaded = await daemon.call('POST', '/images/load', dockerArchive([image]));
  const [id = ''] = /sha256:[0-9a-f]{64}/.exec(JSON.stringify(loaded.body)) ?? [];
  assert.equal((await daemon.docker(['create', id])).code, 0);
  setRules([{ prefix: '', require: 'signature', keys: [key.publicPem] }]);
  assert.match((await daemon.docker(['create', id])).stderr, /is not signed/);
});

test('a policy that is wrong lets nothing in', { skip }, async () => {
  writeFileSync(policyPath, '{"rules": [{"prefix": "x", "requires": "signature"}]}');
  assert.match((await pull('free/app')).stderr, /no image is trusted while the trust policy in .* is wrong/);
  require(key);
  assert.equal((await pull('free/app')).code, 0);
});
