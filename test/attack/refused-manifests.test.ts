import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { ContentDescriptor, Repository } from '#distribution/repository';
import { ClientFixture } from '../integration/distribution/client-fixture.ts';
import { buildImage, descriptor, ociManifest, sha256 } from '../support/image-archive.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';
import { until } from '../support/until.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const image = buildImage({ tags: [], layers: [[{ path: 'f', content: 'x' }]], compress: 'gzip' });
const manifest = ociManifest(image, '+gzip');
const index = Buffer.from(
  JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [descriptor(MANIFEST, manifest)] }),
);

function problem(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message: `${code} is what it says`, detail: {} }] }));
}

/** Refuses manifests as often as `codes` has one for, and takes them then. */
function refusing(registry: ScriptedRegistry, codes: readonly string[]): void {
  const left = [...codes];
  registry.handle = ({ method, path, request }, response) => {
    if (method !== 'PUT' || !path.startsWith('manifests/')) return false;
    request.resume();
    const code = left.shift();
    if (code === undefined) response.writeHead(201).end();
    else problem(response, 400, code);
    return true;
  };
}

async function withImage(): Promise<ScriptedRegistry> {
  const registry = await ScriptedRegistry.start();
  registry.blob(image.configJson);
  for (const { bytes } of image.blobs) registry.blob(bytes);
  registry.tag(manifest, MANIFEST);
  return registry;
}

function repositoryOf(fixture: ClientFixture, registry: ScriptedRegistry): Repository {
  return fixture.client.repository(fixture.reference(registry.host, 'app:2'));
}

const puts = ({ asked }: ScriptedRegistry): number => asked.filter(one => one.startsWith('PUT ')).length;

for (const [what, type, bytes] of [
  ['a manifest', MANIFEST, manifest],
  ['an index', INDEX, index],
] as const) {
  test(`${what} that is refused for something that is there is sent again`, async () => {
    await using registry = await withImage();
    using fixture = new ClientFixture({ backOff: { attempts: 5, baseMs: 5, capMs: 20 } });
    refusing(registry, ['MANIFEST_BLOB_UNKNOWN', 'DIGEST_INVALID', 'BLOB_UNKNOWN']);
    assert.equal(await repositoryOf(fixture, registry).putManifest('2', type, bytes), sha256(bytes));
    assert.equal(puts(registry), 4);
  });
}

test('a registry that goes on refusing is believed, in its own words', async () => {
  await using registry = await withImage();
  using fixture = new ClientFixture({ backOff: { attempts: 50, baseMs: 2, capMs: 5 } });
  refusing(
    registry,
    Array.from({ length: 100 }, () => 'MANIFEST_BLOB_UNKNOWN'),
  );
  await assert.rejects(repositoryOf(fixture, registry).putManifest('2', MANIFEST, manifest), {
    kind: 'invalid',
    message: 'manifest blob unknown: MANIFEST_BLOB_UNKNOWN is what it says',
  });
  assert.equal(puts(registry), 4);
});

test('what is not there is not sent again, nor what is refused for another reason', async () => {
  await using registry = await withImage();
  using fixture = new ClientFixture();
  const repository = repositoryOf(fixture, registry);
  refusing(registry, ['MANIFEST_INVALID', 'MANIFEST_BLOB_UNKNOWN']);
  await assert.rejects(repository.putManifest('2', MANIFEST, manifest), { message: /^manifest invalid: / });
  registry.answers.delete(`blobs/${image.configDigest}`);
  await assert.rejects(repository.putManifest('2', MANIFEST, manifest), {
    message: /^manifest blob unknown: /,
  });
  assert.equal(puts(registry), 2);
});

test('a blob that is overlooked once is there', async () => {
  await using registry = await withImage();
  using fixture = new ClientFixture();
  refusing(registry, ['DIGEST_INVALID']);
  const { handle } = registry;
  let looks = 0;
  registry.handle = (asked, response) => {
    if (asked.method !== 'HEAD' || asked.path !== `blobs/${image.configDigest}`)
      return handle(asked, response);
    looks += 1;
    if (looks > 1) return false;
    response.writeHead(404).end();
    return true;
  };
  await repositoryOf(fixture, registry).putManifest('2', MANIFEST, manifest);
  assert.deepEqual([looks, puts(registry)], [2, 2]);
});

/** Takes uploads whose bytes it holds until it is let go. */
async function uploading() {
  const registry = await ScriptedRegistry.start();
  const held: (() => void)[] = [];
  let sent = 0;
  registry.handle = ({ method, path, request }, response) => {
    if (!path.startsWith('blobs/uploads/')) return false;
    if (method === 'POST') response.writeHead(202, { location: '/v2/app/blobs/uploads/u' }).end();
    if (method === 'PATCH') {
      sent += 1;
      request.resume();
      held.push(() => response.writeHead(202, { location: '/v2/app/blobs/uploads/u' }).end());
    }
    if (method === 'PUT') {
      const digest = new URL(path, 'http://x').searchParams.get('digest') ?? '';
      registry.answers.set(`blobs/${digest}`, { body: Buffer.alloc(1) });
      response.writeHead(201).end();
    }
    return true;
  };
  return { registry, held, sent: () => sent };
}

test('equal uploads to one repository are one, other blobs do not wait for it', async () => {
  const { registry, held, sent } = await uploading();
  await using _registry = registry;
  using fixture = new ClientFixture();
  const repository = repositoryOf(fixture, registry);
  const bytes = randomBytes(1000);
  const blob: ContentDescriptor = { ...descriptor(LAYER, bytes), mediaType: LAYER };
  const send = (content: ContentDescriptor, options = {}) =>
    repository.upload(content, at => Readable.from([bytes.subarray(at)]), options);

  const first = send(blob);
  await until('it is sent', () => sent() === 1);
  const leaving = new AbortController();
  const second = [send(blob), send(blob)];
  const third = send(blob, { signal: leaving.signal });
  leaving.abort();
  await assert.rejects(third, { kind: 'cancelled' });
  const other = send({ ...blob, digest: sha256('other') });
  await until('the other is sent', () => sent() === 2);
  for (const go of held) go();
  assert.deepEqual(await first, { how: 'uploaded' });
  for (const outcome of await Promise.all(second)) assert.deepEqual(outcome, { how: 'exists' });
  await other;
  assert.equal(sent(), 2);
});

test('nobody waits for an upload that comes from elsewhere', async () => {
  const { registry, held, sent } = await uploading();
  await using _registry = registry;
  using fixture = new ClientFixture();
  const repository = repositoryOf(fixture, registry);
  const blob: ContentDescriptor = { ...descriptor(LAYER, Buffer.alloc(4)), mediaType: LAYER };
  const open = (): Readable => Readable.from([Buffer.alloc(4)]);
  const copied = repository.upload(blob, open, { readsElsewhere: true });
  await until('it is sent', () => sent() === 1);
  const own = repository.upload(blob, open);
  await until('the other is sent as well', () => sent() === 2);
  for (const go of held) go();
  await Promise.all([copied, own]);
});
