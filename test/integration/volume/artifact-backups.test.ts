import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { digestOf } from '#base/ids';
import { EMPTY_CONFIG } from '#spec/oci/empty-config';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import type { ArtifactRepository } from '#volume/artifact-repository';
import { artifactManifest } from '#volume/backup-artifact';
import { type Fault, FaultProxy } from '../../support/fault-proxy.ts';
import { Certificate, cannotMakeCertificate, Http2Front } from '../../support/http2-front.ts';
import { tarOf } from '../../support/image-archive.ts';
import { rootMissing } from '../../support/image-engine.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { startVolumes, type VolumeEngine } from '../../support/volume-engine.ts';
import { ClientFixture } from '../distribution/client-fixture.ts';

const skip = rootMissing() || cannotRunRegistry;
/** Several parts of an upload. */
const LARGE = randomBytes(20_000_000);
let registry: TestRegistry;

before(async () => {
  if (!skip) registry = await TestRegistry.start();
});

after(async () => {
  await registry?.[Symbol.asyncDispose]();
});

interface Stage extends AsyncDisposable {
  readonly engine: VolumeEngine;
  readonly repository: ArtifactRepository;
  /** `host/name` */
  readonly name: string;
  readonly proxy: FaultProxy;
}

/** Volumes, and a registry behind a proxy with faults, in a repository of the test's own. */
async function stage(repositoryName: string): Promise<Stage> {
  const proxy = await FaultProxy.before(registry.port);
  const fixture = new ClientFixture();
  const engine = await startVolumes(undefined, fixture.client);
  const reference = fixture.reference(proxy.host, repositoryName);
  return {
    engine,
    proxy,
    repository: fixture.client.repository(reference),
    name: `${proxy.host}/${repositoryName}`,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      fixture[Symbol.dispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

async function filled(engine: VolumeEngine, name: string, content: Buffer | string): Promise<void> {
  const { mountpoint } = await engine.volumes.create({ name });
  writeFileSync(join(mountpoint, 'file'), content);
}

function contentOf(engine: VolumeEngine, name: string): Buffer {
  return readFileSync(join(engine.volumes.get(name).mountpoint, 'file'));
}

test('a backup goes to a registry in parts, as an artifact, and comes back; nothing of it is kept on disk', {
  skip,
}, async () => {
  await using scene = await stage('team/large');
  const { engine, repository, name, proxy } = scene;
  await filled(engine, 'data', LARGE);
  const made = await engine.volumes.artifacts.make('data', `${name}:first`);
  assert.match(made.name, new RegExp(`^${name}:first@sha256:[0-9a-f]{64}$`));
  assert.equal(proxy.seen.filter(({ method }) => method === 'PATCH').length, 4); // three, and the empty configuration
  const { bytes } = await repository.manifest('first');
  const manifest = JSON.parse(bytes.toString());
  assert.equal(manifest.artifactType, 'application/vnd.quai.volume.backup.v1');
  assert.equal(manifest.annotations['quai.volume.name'], 'data');
  assert.equal(manifest.layers[0].size, made.archive.size);
  assert.deepEqual(readdirSync(join(engine.folder, 'volumes')).toSorted(), ['.trash', 'data']);

  await engine.volumes.artifacts.restore('fresh', made.name);
  assert.ok(contentOf(engine, 'fresh').equals(LARGE));
  await filled(engine, 'other', 'old');
  await engine.volumes.artifacts.restore('other', `${name}:first`);
  assert.ok(contentOf(engine, 'other').equals(LARGE));
});

test('a connection that is cut between parts costs a part, in the middle of one a beginning; reading goes on', {
  skip,
}, async () => {
  await using scene = await stage('team/cut');
  const { engine, name, proxy } = scene;
  await filled(engine, 'data', LARGE);
  let patches = 0;
  let reads = 0;
  proxy.fault = ({ method, path }): Fault | undefined => {
    if (method === 'PATCH') {
      patches += 1;
      return patches === 2
        ? { cutRequestAfter: 0 }
        : patches === 4
          ? { cutRequestAfter: 100_000 }
          : undefined;
    }
    if (method !== 'GET' || !path.includes('/blobs/sha256:')) return undefined;
    reads += 1;
    return reads <= 3 ? { cutAfter: 3_000_000 } : undefined;
  };
  const made = await engine.volumes.artifacts.make('data', name);
  assert.equal(patches, 8); // 1, 2 cut, 2, 3 cut; 1, 2, 3 from the beginning; and the configuration
  await engine.volumes.artifacts.restore('fresh', name); // without a tag: the newest
  assert.equal(reads, 4);
  assert.ok(contentOf(engine, 'fresh').equals(LARGE));
  assert.match(made.name, /:\d{8}T\d{6}\.\d{3}Z@/);
});

test('an upload that is cut again and again is given up and cancelled, and nothing gets a name', {
  skip,
}, async () => {
  await using scene = await stage('team/lost');
  const { engine, repository, name, proxy } = scene;
  await filled(engine, 'data', LARGE);
  proxy.fault = ({ method }): Fault | undefined =>
    method === 'PATCH' ? { cutRequestAfter: 1_000_000 } : undefined;
  await assert.rejects(engine.volumes.artifacts.make('data', `${name}:x`), {
    kind: 'unavailable',
    message: /the registry has lost an upload that was under way, 3 times/,
  });
  assert.ok(proxy.seen.some(({ method, path }) => method === 'DELETE' && path.includes('/blobs/uploads/')));
  await assert.rejects(repository.manifest('x'), { kind: 'notFound' });
});

test('the newest are kept, of this volume alone', { skip }, async () => {
  await using scene = await stage('team/kept');
  const { engine, proxy, repository, name } = scene;
  await filled(engine, 'one', 'a');
  await filled(engine, 'two', 'b');
  for (const _ of [1, 2, 3, 4]) await engine.volumes.artifacts.make('two', name);
  await engine.volumes.artifacts.make('one', `${name}:named`);
  const questions: number[] = [];
  for (const content of ['1', '2', '3', '4']) {
    writeFileSync(join(engine.volumes.get('one').mountpoint, 'file'), content);
    const before = proxy.seen.length;
    await engine.volumes.artifacts.make('one', name, { keep: 2 });
    const seen = proxy.seen.slice(before);
    questions.push(
      seen.filter(({ method, path }) => method === 'GET' && path.includes('/manifests/')).length,
    );
  }
  assert.deepEqual(questions, [4, 0, 1, 1], 'whose a tag is is asked once, and again before it goes');
  const volumes: string[] = [];
  for await (const tag of repository.tags()) {
    const { bytes } = await repository.manifest(tag);
    volumes.push(
      `${tag === 'named' ? 'named ' : ''}${JSON.parse(bytes.toString()).annotations['quai.volume.name']}`,
    );
  }
  assert.deepEqual(volumes.toSorted(), ['named one', 'one', 'one', 'two', 'two', 'two', 'two']);
  await engine.volumes.artifacts.restore('back', name);
  assert.equal(contentOf(engine, 'back').toString(), '4');
});

test('over HTTP/2 it is the same, also when a stream is cut', {
  skip: skip || cannotMakeCertificate,
}, async () => {
  using files = new Certificate();
  await using front = await Http2Front.before(registry.port, files);
  const rules = join(files.folder, 'rules.json');
  writeFileSync(rules, JSON.stringify({ registries: [{ prefix: front.host, ca: files.certificate }] }));
  using fixture = new ClientFixture({ rules });
  await using engine = await startVolumes(undefined, fixture.client);
  await filled(engine, 'data', LARGE);
  let reads = 0;
  front.fault = ({ path }) => {
    if (!path.includes('/blobs/sha256:')) return undefined;
    reads += 1;
    return reads === 2 ? { reset: { code: 0, after: 3_000_000 } } : undefined; // the first is the question for the configuration
  };
  const made = await engine.volumes.artifacts.make('data', `${front.host}/team/second`);
  await engine.volumes.artifacts.restore('fresh', made.name);
  assert.ok(contentOf(engine, 'fresh').equals(LARGE));
  assert.ok(front.seen.every(({ version }) => version === '2.0'));
  assert.equal(reads, 3);
});

async function publish(
  repository: ArtifactRepository,
  tag: string,
  archive: Buffer,
  change: object = {},
): Promise<void> {
  const descriptor = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(archive), size: archive.length };
  await repository.upload(descriptor, from => Readable.from([archive.subarray(from)]));
  await repository.upload(EMPTY_CONFIG, () => Readable.from([EMPTY_CONFIG.bytes]));
  const about = { volume: 'v', driver: 'local', createdAt: '', archive: descriptor };
  const manifest = { ...JSON.parse(artifactManifest(about).toString()), ...change };
  await repository.putManifest(tag, MEDIA_TYPES.ociManifest, Buffer.from(JSON.stringify(manifest)));
}

test('hostile artifacts: nothing outside is touched, and the volume stays as it was', { skip }, async () => {
  await using scene = await stage('team/hostile');
  const { engine, repository, name, proxy } = scene;
  const canary = join(engine.folder, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'file'), 'alive');
  await filled(engine, 'data', 'kept');
  const { artifacts } = engine.volumes;
  const up = `${'../'.repeat(12)}${canary.slice(1)}`;

  await publish(
    repository,
    'traversal',
    zstdCompressSync(
      tarOf([
        { path: `${up}/file`, content: 'dead' },
        { path: `${up}/new`, content: 'dead' },
      ]),
    ),
  );
  await artifacts.restore('data', `${name}:traversal`).catch(() => undefined); // names are taken as beneath the volume, or refused
  await publish(
    repository,
    'link',
    gzipSync(
      tarOf([
        { path: 'out', type: 'symlink', linkPath: canary },
        { path: 'out/file', content: 'dead' },
        { path: 'hard', type: 'hardlink', linkPath: `${up}/file` },
      ]),
    ),
  );
  await artifacts.restore('linked', `${name}:link`).catch(() => undefined);
  assert.equal(readFileSync(join(canary, 'file'), 'utf8'), 'alive');
  assert.deepEqual(readdirSync(canary), ['file']);

  await filled(engine, 'safe', 'kept');
  await publish(repository, 'image', tarOf([]), { artifactType: undefined });
  await assert.rejects(artifacts.restore('safe', `${name}:image`), {
    kind: 'invalid',
    message: /is no backup/,
  });
  await publish(repository, 'garbage', Buffer.from('no tar at all, by far'.repeat(100)));
  await assert.rejects(artifacts.restore('safe', `${name}:garbage`), { kind: 'invalid' });
  // 5 GiB of zeros in some hundred kilobytes; zstd frames may follow one another.
  const frame = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
  await publish(repository, 'bomb', Buffer.concat(Array.from({ length: 80 }, () => frame)));
  await assert.rejects(artifacts.restore('safe', `${name}:bomb`), { kind: 'invalid' });

  const good = tarOf([{ path: 'file', content: 'x'.repeat(3_000_000) }]);
  await publish(repository, 'changed', good);
  proxy.fault = ({ method, path }) =>
    method === 'GET' && path.includes('/blobs/sha256:') ? { corruptAt: 1_000_000 } : undefined;
  await assert.rejects(artifacts.restore('safe', `${name}:changed`), {
    kind: 'dataLoss',
    message: /is not what was asked for/,
  });
  proxy.fault = ({ method, path }) =>
    method === 'GET' && path.includes('/blobs/sha256:')
      ? { endless: true, headers: { 'content-length': '' } }
      : undefined;
  await assert.rejects(artifacts.restore('safe', `${name}:changed`), { kind: 'dataLoss' });
  await assert.rejects(artifacts.restore('new', `${name}:changed`), { kind: 'dataLoss' });
  assert.equal(contentOf(engine, 'safe').toString(), 'kept');
  assert.equal(engine.volumes.find('new'), undefined);
  assert.equal(existsSync(join(engine.folder, 'volumes', 'new')), false);
  await engine.volumes.settled();
  assert.deepEqual(readdirSync(join(engine.folder, 'volumes', '.work')), []);
});
