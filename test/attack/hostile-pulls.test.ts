import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseReference } from '#spec/reference';
import { filesOf, NOTHING } from '../integration/image/leftovers.ts';
import { buildImage, descriptor, ociManifest, sha256, tarOf } from '../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../support/image-engine.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

const skip = rootMissing();
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const good = buildImage({ tags: [], layers: [[{ path: 'f', content: 'x' }]], compress: 'gzip' });
const manifest = ociManifest(good, '+gzip');

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

async function pull(engine: ImageEngine, registry: ScriptedRegistry): Promise<void> {
  await engine.images.pull(parseReference(`${registry.host}/evil:1`), () => undefined);
}

/** The pull must fail, and nothing may be left of it. */
async function refused(set: (registry: ScriptedRegistry) => void, message: RegExp): Promise<string[]> {
  await using registry = await ScriptedRegistry.start();
  await using engine = startImageEngine();
  registry.blob(good.configJson);
  for (const { bytes } of good.blobs) registry.blob(bytes);
  set(registry);
  await assert.rejects(pull(engine, registry), error => {
    assert.ok(error instanceof Error);
    assert.match(error.message, message);
    return true;
  });
  assert.deepEqual(await filesOf(engine), NOTHING);
  assert.deepEqual(engine.images.list(), []);
  assert.deepEqual(engine.events, []);
  return registry.asked;
}

test('the same registry with nothing evil in it is pulled from', { skip }, async () => {
  await using registry = await ScriptedRegistry.start();
  await using engine = startImageEngine();
  registry.blob(good.configJson);
  for (const { bytes } of good.blobs) registry.blob(bytes);
  registry.tag(manifest, MANIFEST);
  await pull(engine, registry);
  assert.equal(engine.images.list()[0]?.id, good.configDigest);
});

test('a document that is a manifest and an index is neither (CVE-2021-41190)', { skip }, async () => {
  const both = json({ ...JSON.parse(manifest.toString()), manifests: [descriptor(MANIFEST, manifest)] });
  await refused(registry => registry.tag(both, MANIFEST), /ambiguous/);
  await refused(
    registry => registry.tag(manifest, INDEX),
    /announced as .*index.*, but calls itself .*manifest/,
  );
});

test('an index that leads to itself, or to indexes without end, is left', { skip }, async () => {
  let inner = json({ schemaVersion: 2, mediaType: INDEX, manifests: [] });
  await refused(registry => {
    for (let depth = 0; depth < 6; depth += 1) {
      inner = json({ schemaVersion: 2, mediaType: INDEX, manifests: [descriptor(INDEX, inner)] });
      registry.answers.set(`manifests/${sha256(inner)}`, { type: INDEX, body: inner });
    }
    registry.tag(inner, INDEX);
  }, /nested too deeply/);
});

test('a manifest that is not what its digest says is refused', { skip }, async () => {
  await refused(registry => {
    const index = json({ schemaVersion: 2, mediaType: INDEX, manifests: [descriptor(MANIFEST, manifest)] });
    registry.tag(index, INDEX);
    const other = json({ ...JSON.parse(manifest.toString()), annotations: { evil: 'yes' } });
    registry.answers.set(`manifests/${sha256(manifest)}`, { type: MANIFEST, body: other });
  }, /expected sha256:.*got sha256:/);
});

test('layers and configurations that are not what the manifest says are refused', { skip }, async () => {
  const [layer] = good.blobs;
  assert.ok(layer);
  const changed = Buffer.from(layer.bytes);
  changed.writeUInt8(changed.readUInt8(12) ^ 0xff, 12);
  for (const bytes of [changed, layer.bytes.subarray(0, 20), Buffer.concat([layer.bytes, layer.bytes])]) {
    await refused(registry => {
      registry.tag(manifest, MANIFEST);
      registry.blob(bytes, layer.digest);
    }, /wrong size|not what was asked for|expected|cannot decompress|cut|ended|connection/i);
  }
  await refused(registry => {
    registry.tag(manifest, MANIFEST);
    registry.blob(Buffer.from(good.configJson.toString().replace('linux', 'linuX')), good.configDigest);
  }, /not what was asked for/);
});

test('a layer that contains something else than the configuration says is refused', { skip }, async () => {
  const other = gzipSync(tarOf([{ path: 'evil', content: 'evil' }]));
  const swapped = json({
    ...JSON.parse(manifest.toString()),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar+gzip', other)],
  });
  await refused(registry => {
    registry.tag(swapped, MANIFEST);
    registry.blob(other);
  }, /invalid diffID for layer 0/);
});

test('addresses in a manifest are never asked: a layer comes from its registry or not at all', {
  skip,
}, async () => {
  await using canary = await ScriptedRegistry.start();
  const asked = await refused(registry => {
    const layers = [
      {
        mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
        digest: sha256('elsewhere'),
        size: 9,
        urls: [`http://${canary.host}/v2/evil/stolen`, 'file:///etc/passwd'],
      },
    ];
    registry.tag(json({ ...JSON.parse(manifest.toString()), layers }), MANIFEST);
  }, /has no blob|not found/);
  assert.deepEqual(canary.asked, []);
  assert.ok(
    asked.some(request => request.includes(sha256('elsewhere'))),
    'the registry itself was asked',
  );
});

test('artifacts are not run, and manifests without bounds are not read', { skip }, async () => {
  const chart = json({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor('application/vnd.cncf.helm.config.v1+json', good.configJson),
    layers: [descriptor('application/vnd.cncf.helm.chart.content.v1.tar+gzip', Buffer.from('chart'))],
  });
  await refused(
    registry => registry.tag(chart, MANIFEST),
    /unsupported media type application\/vnd\.cncf\.helm/,
  );
  const many = Array.from({ length: 501 }, () =>
    descriptor('application/vnd.oci.image.layer.v1.tar', manifest),
  );
  await refused(
    registry => registry.tag(json({ ...JSON.parse(manifest.toString()), layers: many }), MANIFEST),
    /invalid/,
  );
  const huge = Buffer.alloc(5 * 1024 * 1024, ' ');
  json({ schemaVersion: 2 }).copy(huge);
  await refused(registry => registry.tag(huge, MANIFEST), /larger than|too large/);
});

test('sizes that lie are found out: a layer is read no further than its descriptor says', {
  skip,
}, async () => {
  const [layer] = good.blobs;
  assert.ok(layer);
  for (const size of [layer.bytes.length - 1, layer.bytes.length + 1, 2 ** 52]) {
    const layers = [{ ...descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer.bytes), size }];
    await refused(
      registry => registry.tag(json({ ...JSON.parse(manifest.toString()), layers }), MANIFEST),
      /size|bytes|space|large|ended|cut/i,
    );
  }
});

test('an image with more layers than its configuration knows costs nobody else their turn', {
  skip,
}, async () => {
  await using registry = await ScriptedRegistry.start();
  await using engine = startImageEngine();
  registry.blob(good.configJson);
  const surplus = Array.from({ length: 8 }, (_, index) =>
    gzipSync(tarOf([{ path: 'f', content: `${index}` }])),
  );
  for (const bytes of [...surplus, ...good.blobs.map(({ bytes }) => bytes)]) registry.blob(bytes);
  const layers = surplus.map(bytes => descriptor('application/vnd.oci.image.layer.v1.tar+gzip', bytes));
  registry.tag(json({ ...JSON.parse(manifest.toString()), layers }), MANIFEST);
  await assert.rejects(pull(engine, registry), /layers length mismatch/);
  assert.deepEqual(await filesOf(engine), NOTHING);
  registry.tag(manifest, MANIFEST);
  const signal = AbortSignal.timeout(60_000);
  await engine.images.pull(parseReference(`${registry.host}/evil:1`), () => undefined, { signal });
  assert.equal(engine.images.list()[0]?.id, good.configDigest);
});
