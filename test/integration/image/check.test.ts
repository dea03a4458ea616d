import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { parseReference } from '#spec/reference';
import { linuxMounts } from '#sys/mount';
import { buildImage, ociArchive, type TestImage } from '../../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../../support/image-engine.ts';
import { publish } from '../../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';

const skip = rootMissing() || cannotRunRegistry;
const PULLER = new URL('./crash-puller.ts', import.meta.url).pathname;
const APP: TestImage = {
  tags: ['app:1'],
  layers: [[{ path: 'a', content: 'lower' }], [{ path: 'b', content: 'upper' }]],
  compress: 'gzip',
};
const built = buildImage(APP);
const upper = built.blobs[1]?.digest ?? assert.fail();
let registry: TestRegistry;

before(async () => {
  if (!skip) registry = await TestRegistry.start();
});

after(async () => {
  await registry?.[Symbol.asyncDispose]();
});

async function pull(engine: ImageEngine, name: string): Promise<string[]> {
  const lines: string[] = [];
  await engine.images.pull(parseReference(`${registry.host}/${name}`), ({ status }) => lines.push(status));
  return lines;
}

test('check() finds nothing wrong with what was loaded, and says how much it looked at', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  await engine.images.load(Readable.from([ociArchive([APP])]), () => undefined);
  const { findings, images, blobs } = await engine.images.check();
  assert.deepEqual({ findings, images, blobs }, { findings: [], images: 1, blobs: 2 });
});

test('check() finds a damaged blob; mending drops it, and the next pull brings it again', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  await publish(registry.host, 'check/app', '1', [APP]);
  await pull(engine, 'check/app:1');
  const path = engine.content.path(upper);
  const good = readFileSync(path);
  const bad = Buffer.from(good);
  bad.writeUInt8(bad.readUInt8(20) ^ 1, 20);
  writeFileSync(path, bad);

  const dry = await engine.images.check();
  assert.deepEqual(
    dry.findings.map(({ kind, digest, images, mended }) => ({ kind, digest, images, mended })),
    [{ kind: 'blob-damaged', digest: upper, images: [built.configDigest], mended: undefined }],
  );
  assert.ok(engine.content.has(upper), 'looking changes nothing');

  const [mended] = (await engine.images.check({ mends: true })).findings;
  assert.match(mended?.mended ?? '', /dropped/);
  assert.equal((await engine.images.check()).findings[0]?.kind, 'blob-missing');
  assert.ok((await pull(engine, 'check/app:1')).includes('Pull complete'));
  assert.deepEqual(readFileSync(path), good);
  assert.deepEqual((await engine.images.check()).findings, []);
});

test('check() finds blobs that nobody needs, and removes them when it mends', { skip }, async () => {
  await using engine = startImageEngine();
  const digest = await engine.content.add(Buffer.from('stray'));
  assert.deepEqual(
    (await engine.images.check()).findings.map(({ kind }) => kind),
    ['blob-unowned'],
  );
  await engine.images.check({ mends: true });
  assert.ok(!engine.content.has(digest));
});

test('a layer that is gone though the image is known comes again with the next pull', { skip }, async () => {
  await using engine = startImageEngine();
  await publish(registry.host, 'check/layer', '1', [APP]);
  await pull(engine, 'check/layer:1');
  const top = engine.images.list()[0]?.layers[1]?.chainId ?? assert.fail();
  engine.snapshots.remove(top);
  assert.deepEqual(
    (await engine.images.check()).findings.map(({ kind }) => kind),
    ['layer-missing'],
  );
  await pull(engine, 'check/layer:1');
  assert.deepEqual((await engine.images.check()).findings, []);
});

test('a layer of which nothing is left is found, costs none of those on it, and comes again with the next pull', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  await publish(registry.host, 'check/tar', '1', [{ ...APP, compress: 'go' }]);
  await pull(engine, 'check/tar:1');
  await engine.blobs.tidy();
  const chains = engine.images.list()[0]?.layers.map(({ chainId }) => chainId) ?? [];
  const [lower, top] = chains.map(chain => engine.snapshots.layerDirectories(chain)[0] ?? assert.fail());
  if (engine.snapshots.driver === 'erofs') linuxMounts.unmount(lower ?? assert.fail());
  rmSync(dirname(lower ?? assert.fail()), { recursive: true });
  const { findings } = await engine.images.check({ mends: true });
  assert.ok(findings.some(({ kind }) => kind === 'layer-missing'));
  if (engine.snapshots.driver === 'erofs') {
    assert.ok(findings.some(({ kind }) => kind === 'blob-missing'));
    assert.ok(existsSync(top ?? assert.fail()), 'it could not be made again');
  }
  await pull(engine, 'check/tar:1');
  await engine.images.check({ mends: true });
  assert.deepEqual((await engine.images.check()).findings, []);
});

test('a kill in the middle of a pull leaves nothing that check() would find, and the next pull ends well', {
  skip,
}, async () => {
  const layers = Array.from({ length: 4 }, (_, layer) =>
    Array.from({ length: 40 }, (__, index) => ({
      path: `${layer}/${index}`,
      content: randomBytes(20_000),
    })),
  );
  await publish(registry.host, 'killed/pull', '1', [{ layers }]);
  const name = `${registry.host}/killed/pull:1`;
  const root = mkdtempSync(join(tmpdir(), 'quai-image-'));
  let kills = 0;
  for (let afterMs = 0; afterMs < 20_000; afterMs += afterMs < 300 ? 25 : afterMs) {
    const child = spawn(process.execPath, [PULLER, root, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = Promise.withResolvers<number | null>();
    child.once('exit', code => exited.resolve(code));
    child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), afterMs));
    const code = await exited.promise;
    const engine = startImageEngine({}, root);
    engine.images.sweep();
    await engine.snapshots.sweep(() => false);
    const { findings, images } = await engine.images.check();
    assert.deepEqual(findings, [], `killed after ${afterMs} ms`);
    assert.ok(code !== 0 || images === 1);
    await engine.snapshots.settled();
    await engine.jail[Symbol.asyncDispose]();
    engine.close();
    if (code === 0) break;
    kills += 1;
  }
  assert.ok(kills > 1, 'the pull was cut more than once');
  await using engine = startImageEngine({}, root);
  await pull(engine, 'killed/pull:1');
  assert.equal(engine.images.list().length, 1);
});
