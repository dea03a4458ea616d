import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { HOST_ARCHITECTURE, ociArchive, type TestImage } from '../support/image-archive.ts';
import { runProgram } from '../support/programs.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../support/registry.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const engine = compatEngine();
const OTHER = HOST_ARCHITECTURE === 'arm64' ? 'amd64' : 'arm64';
const SKOPEO = '/usr/bin/skopeo';
const skipSkopeo =
  skip || cannotRunRegistry || (existsSync(SKOPEO) ? false : 'no skopeo: Debian has it as a package');

test('docker save -o writes an archive that docker load gives back, with every name (S111)', {
  skip,
}, async () => {
  const path = `${engine.daemon.folder}/my-image.tar`;
  await loadImage(engine, { tags: ['saved:1', 'saved:2'], extra: [{ path: 'mine', content: 'kept' }] });
  const id = await engine.inspect('saved:1', '{{.Id}}');
  await engine.ok('save', '-o', path, 'saved', 'busybox:latest');
  assert.ok(statSync(path).size > 1_000_000);
  await engine.ok('rmi', 'saved:1', 'saved:2');
  const loaded = await engine.ok('load', '-i', path);
  for (const name of ['saved:1', 'saved:2', 'busybox:latest']) assert.ok(loaded.includes(name), loaded);
  assert.equal(await engine.inspect('saved:2', '{{.Id}}'), id);
  assert.equal(await engine.run('saved:1', 'cat', '/mine'), 'kept');
  await engine.ok('rmi', 'saved:1', 'saved:2');
  const absent = await engine.refused('save', '-o', path, 'nosuch:1');
  assert.match(absent.stderr, /No such image: nosuch:1/);
});

test('docker save goes through a pipe into docker load', { skip }, async () => {
  const path = `${engine.daemon.folder}/piped.tar`;
  const saved = await runProgram('sh', ['-c', `docker save busybox > ${path} && docker load < ${path}`], {
    env: engine.daemon.clientEnv,
  });
  assert.equal(saved.code, 0, saved.stderr);
  assert.equal(saved.stdout.trim(), 'Loaded image: busybox:latest');
});

test('docker image ls --tree shows the platforms of a name (S018, S019)', { skip }, async () => {
  const images: TestImage[] = [HOST_ARCHITECTURE, OTHER].map(architecture => ({
    tags: ['many:1'],
    layers: [[{ path: 'arch', content: architecture }]],
    architecture,
  }));
  const loaded = await engine.docker(['load'], { input: ociArchive(images, { isNested: true }) });
  assert.equal(loaded.code, 0, loaded.stderr);
  const tree = await engine.ok('image', 'ls', '--tree');
  assert.match(tree, /many:1/);
  assert.match(tree, new RegExp(`linux/${HOST_ARCHITECTURE}`));
  assert.match(tree, new RegExp(`linux/${OTHER}`));
  assert.equal(
    await engine.ok('image', 'inspect', '--platform', `linux/${OTHER}`, '-f', '{{.Architecture}}', 'many:1'),
    OTHER,
  );
  await engine.ok('rmi', 'many:1');
});

test('images share layers and are templates: a container writes to a layer of its own (S018, S019, S020, S021, S022, S023, S328)', {
  skip,
}, async () => {
  const before = await usage();
  await loadImage(engine, { tags: ['child:1'], extra: [{ path: 'child', content: 'x'.repeat(1000) }] });
  const parent = JSON.parse(await engine.inspect('busybox', '{{json .RootFS.Layers}}')) as string[];
  const child = JSON.parse(await engine.inspect('child:1', '{{json .RootFS.Layers}}')) as string[];
  assert.deepEqual(
    child.slice(0, parent.length),
    parent,
    'a child has the layers of its parent below its own',
  );
  assert.equal(await usage(), before + 1000, 'the shared layer is there once');
  await engine.ok('run', '--name', 'one', 'child:1', 'sh', '-c', 'wc -c < /child; echo changed > /child');
  assert.equal(await engine.run('child:1', 'wc', '-c', '/child'), '1000 /child', 'the image is as it was');
  assert.equal(await engine.ok('start', '-a', 'one'), '8', 'the container has what it wrote');
  await engine.ok('rm', 'one');
  await engine.ok('rmi', 'child:1');
});

test('skopeo copies between a registry, our archives and OCI layouts: every digest stays', {
  skip: skipSkopeo,
}, async () => {
  await using registry = await TestRegistry.start();
  const { digest } = await publish(registry.host, 'round/trip', '1', [
    { layers: [[{ path: 'a', content: 'a' }], [{ path: 'b', content: 'b' }]], config: { Cmd: ['/a'] } },
  ]);
  const name = `${registry.host}/round/trip:1`;
  const folder = engine.daemon.folder;
  const skopeo = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runProgram(SKOPEO, ['--insecure-policy', ...words]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  await engine.ok('pull', name);
  const id = await engine.inspect(name, '{{.Id}}');
  await engine.ok('save', '-o', `${folder}/trip.tar`, name);

  const fromArchive = await skopeo('inspect', '--format', '{{.Digest}}', `oci-archive:${folder}/trip.tar`);
  assert.equal(fromArchive.trim(), digest);
  const to = ['--dest-tls-verify=false', `docker://${registry.host}/by/skopeo:1`];
  await skopeo('copy', '--preserve-digests', `oci-archive:${folder}/trip.tar`, ...to);
  await engine.ok('pull', `${registry.host}/by/skopeo:1`);
  assert.equal(await engine.inspect(`${registry.host}/by/skopeo:1`, '{{.Id}}'), id);

  const from = ['--src-tls-verify=false', `docker://${name}`];
  await skopeo('copy', ...from, `docker-archive:${folder}/docker.tar:by/skopeo:2`);
  await skopeo('copy', ...from, `oci-archive:${folder}/oci.tar:by/skopeo:3`);
  for (const file of ['docker', 'oci']) await engine.ok('load', '-i', `${folder}/${file}.tar`);
  assert.equal(await engine.inspect('by/skopeo:2', '{{.Id}}'), id);
  assert.equal(await engine.inspect('by/skopeo:3', '{{.Id}}'), id);
  await engine.ok('tag', 'by/skopeo:3', `${registry.host}/back/again:1`);
  await engine.ok('push', `${registry.host}/back/again:1`);
  const back = await skopeo(
    'inspect',
    '--tls-verify=false',
    '--format',
    '{{.Digest}}',
    `docker://${registry.host}/back/again:1`,
  );
  assert.equal(back.trim(), digest);
  await engine.ok('rmi', '-f', id.slice(7, 19));
});

/** Bytes of all layers, as `docker system df` counts them. */
async function usage(): Promise<number> {
  const { body } = await engine.daemon.call('GET', '/v1.50/system/df?type=image');
  return (body as { LayersSize: number }).LayersSize;
}
