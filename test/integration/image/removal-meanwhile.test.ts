import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import type { PushLine } from '#image/push-progress';
import { parseReference } from '#spec/reference';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { dockerArchive, ociArchive, type TestImage } from '../../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../../support/image-engine.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { filesOf, NOTHING } from './leftovers.ts';

const skip = rootMissing() || cannotRunRegistry;
let registry: TestRegistry;

before(async () => {
  if (!skip) registry = await TestRegistry.start();
});

after(async () => {
  await registry?.[Symbol.asyncDispose]();
});

/** Text compresses: such a layer is kept as its tar, and its blob made again when it is sent. */
function layers(): TestImage['layers'] {
  return [
    [{ path: 'noise', content: randomBytes(300_000) }],
    [{ path: 'text', content: `${randomBytes(8).toString('hex')} `.repeat(20_000) }],
    [{ path: 'more', content: randomBytes(300_000) }],
  ];
}

async function load(engine: ImageEngine, archive: Buffer): Promise<void> {
  await engine.images.load(Readable.from([archive]), () => undefined);
}

/** Pushes an image, which is removed while its first blob is on its way. @returns the digest the push tells. */
async function pushAndRemove(
  name: string,
  make: (reference: string) => Buffer,
  prepare: (engine: ImageEngine) => Promise<void> = async () => undefined,
): Promise<string> {
  await using engine = startImageEngine();
  await using proxy = await FaultProxy.before(registry.port);
  const reference = `${proxy.host}/${name}:1`;
  await load(engine, make(reference));
  await prepare(engine);
  let removals = 0;
  proxy.fault = async ({ method, path }) => {
    if (!/^(?:POST|PATCH|PUT)$/.test(method) || !path.includes('/blobs/') || removals > 0) return undefined;
    removals += 1;
    for (const { id } of engine.images.list())
      await engine.images.remove(id, { force: true, noPrune: false });
    assert.deepEqual(engine.images.list(), []);
    return undefined;
  };
  let told = '';
  const emit = (line: PushLine): void => {
    if ('aux' in line && line.aux !== undefined && 'Digest' in line.aux) told = String(line.aux.Digest);
  };
  await engine.images.push(parseReference(reference), emit);
  assert.equal(removals, 1);
  assert.equal(engine.events.at(-1)?.action, 'push');
  assert.deepEqual(await filesOf(engine), NOTHING, 'nobody needs any of it any more');
  return told;
}

/** What the registry has under that name, complete: pulled by another engine. */
async function arrived(name: string, digest: string): Promise<void> {
  await using engine = startImageEngine();
  await engine.images.pull(parseReference(`${registry.host}/${name}:1`), () => undefined);
  const [image] = engine.images.list();
  assert.deepEqual(image?.repoDigests, [`${registry.host}/${name}@${digest}`]);
  assert.deepEqual((await engine.images.check()).findings, []);
}

test('push() of an image that is removed meanwhile ends well, and what it held goes', { skip }, async () => {
  const compressed = (reference: string): Buffer =>
    ociArchive([{ tags: [reference], layers: layers(), compress: 'gzip' }]);
  await arrived('oci', await pushAndRemove('oci', compressed));
});

test('so does one whose layers are compressed for it', { skip }, async () => {
  const plain = (reference: string): Buffer => dockerArchive([{ tags: [reference], layers: layers() }]);
  await arrived('docker', await pushAndRemove('docker', plain));
});

test('so does one whose blobs have to be made again from their layers', { skip }, async () => {
  const compressed = (reference: string): Buffer =>
    ociArchive([{ tags: [reference], layers: layers(), compress: 'go' }]);
  const tidy = async (engine: ImageEngine): Promise<void> => {
    const before = engine.content.list().length;
    await engine.images.tidy();
    assert.ok(engine.content.list().length < before);
  };
  await arrived('rebuilt', await pushAndRemove('rebuilt', compressed, tidy));
});

test('so does one of an index, with all its platforms', { skip }, async () => {
  const index = (reference: string): Buffer =>
    ociArchive(
      ['amd64', 'arm64'].map(architecture => ({
        tags: [reference],
        layers: layers(),
        compress: 'gzip',
        architecture,
      })),
      { isNested: true },
    );
  await arrived('index', await pushAndRemove('index', index));
});
