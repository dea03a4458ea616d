import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { EmitLine } from '#image/pull-progress';
import { parseReference } from '#spec/reference';
import { filesOf, NOTHING } from '../integration/image/leftovers.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import {
  type BuiltImage,
  buildImage,
  ociArchive,
  ociManifest,
  sha256,
  type TestImage,
} from '../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../support/image-engine.ts';
import { cannotRunRegistry, TestRegistry } from '../support/registry.ts';
import { type Asked, headersOf, ScriptedRegistry } from '../support/scripted-registry.ts';
import { until } from '../support/until.ts';

const skip = rootMissing();
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONTENT_BYTES = 1_500_000;
/** More than there are places for connections, blobs or threads, of one host or of all. */
const MANY = 20;

/** What becomes of a layer on its way. */
type Manner = 'whole' | 'stalls' | 'wrong' | 'missing';

/** A registry with one image, under any name. */
class SlowRegistry implements AsyncDisposable {
  /** by name of the repository */
  mannerOf: (name: string) => Manner;
  /** layers that were asked for and stay where they are */
  readonly stalled = new Set<ServerResponse>();
  readonly #registry: ScriptedRegistry;

  private constructor(registry: ScriptedRegistry, manner: Manner) {
    this.#registry = registry;
    this.mannerOf = () => manner;
  }

  static async with(image: BuiltImage, manner: Manner = 'whole'): Promise<SlowRegistry> {
    const scripted = await ScriptedRegistry.start();
    scripted.tag(ociManifest(image, '+gzip'), MANIFEST);
    scripted.blob(image.configJson);
    for (const { bytes } of image.blobs) scripted.blob(bytes);
    const registry = new SlowRegistry(scripted, manner);
    scripted.handle = (asked, response) => registry.#isHandled(asked, response);
    return registry;
  }

  pull(
    engine: ImageEngine,
    {
      name = 'image',
      signal,
      emit = () => undefined,
    }: { name?: string; signal?: AbortSignal; emit?: EmitLine } = {},
  ): Promise<void> {
    const reference = parseReference(`${this.#registry.host}/${name}:1`);
    return engine.images.pull(reference, emit, signal ? { signal } : {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
  }

  #isHandled({ name, path, method }: Asked, response: ServerResponse): boolean {
    const answer = this.#registry.answers.get(path);
    const isLayer = path.startsWith('blobs/') && answer && answer.body.length > CONTENT_BYTES / 2;
    const manner = isLayer ? this.mannerOf(name) : 'whole';
    if (!answer || manner === 'whole') return false;
    if (manner === 'missing') {
      response.writeHead(404).end('{}');
      return true;
    }
    const { body } = answer;
    const half = body.subarray(0, body.length / 2);
    response.writeHead(200, headersOf(answer));
    if (method === 'HEAD') response.end();
    else if (manner === 'wrong')
      response.end(Buffer.concat([half, Buffer.alloc(body.length - half.length, 7)]));
    else response.write(half, () => this.stalled.add(response));
    return true;
  }
}

function imageOf(layers: number): BuiltImage {
  return buildImage({ tags: [], layers: layersOf(layers), compress: 'gzip' });
}

function layersOf(count: number): TestImage['layers'] {
  return Array.from({ length: count }, () => [{ path: 'noise', content: randomBytes(CONTENT_BYTES) }]);
}

/** What is wanted must not need the time that a stalled connection is given. */
const SOON = 60_000;

test('a pull goes on beside one of the same image from a registry that has stalled', { skip }, async () => {
  const image = imageOf(2);
  await using slow = await SlowRegistry.with(image, 'stalls');
  await using good = await SlowRegistry.with(image);
  await using engine = startImageEngine();
  const leaving = new AbortController();
  const waiting = slow.pull(engine, { signal: leaving.signal });
  await until('both layers have stalled', () => slow.stalled.size === 2);

  await good.pull(engine, { signal: AbortSignal.timeout(SOON) });
  assert.equal(engine.images.list()[0]?.id, image.configDigest);
  leaving.abort();
  await assert.rejects(waiting, { kind: 'cancelled' });
  assert.equal(engine.images.list()[0]?.id, image.configDigest);
  assert.deepEqual((await engine.images.check()).findings, []);
});

test('a registry that sends something else spoils nothing for those who pull the same from another', {
  skip,
}, async () => {
  const image = imageOf(2);
  await using evil = await SlowRegistry.with(image, 'wrong');
  await using good = await SlowRegistry.with(image);
  for (const first of [evil, good]) {
    await using engine = startImageEngine();
    const pulls = (first === evil ? [evil, good] : [good, evil]).map(registry => registry.pull(engine));
    const [one, other] = await Promise.allSettled(pulls);
    const [ofEvil, ofGood] = first === evil ? [one, other] : [other, one];
    assert.equal(ofGood?.status, 'fulfilled', String(ofGood?.status === 'rejected' && ofGood.reason));
    assert.notEqual(ofEvil, undefined); // it may have found everything there already
    for (const { bytes } of image.blobs)
      assert.equal(
        await engine.content.read(sha256(bytes), { maxBytes: 10 ** 7 }).then(sha256),
        sha256(bytes),
      );
    assert.deepEqual((await engine.images.check()).findings, []);
  }
});

test('a registry that stalls holds its own places, and nobody else’s', { skip }, async () => {
  const [much, other] = [imageOf(MANY), imageOf(3)];
  await using slow = await SlowRegistry.with(much, 'stalls');
  await using good = await SlowRegistry.with(other);
  await using engine = startImageEngine();
  const leaving = new AbortController();
  const waiting = [1, 2, 3].map(n => slow.pull(engine, { name: 'abc'.slice(n - 1), signal: leaving.signal }));
  await until('as many have stalled as there are places', () => slow.stalled.size >= 6);

  await good.pull(engine, { signal: AbortSignal.timeout(SOON) });
  assert.equal(engine.images.list()[0]?.id, other.configDigest);
  leaving.abort();
  for (const result of await Promise.allSettled(waiting)) assert.equal(result.status, 'rejected');
  for (const { id } of engine.images.list()) await engine.images.remove(id, { force: true, noPrune: false });
  assert.deepEqual(await filesOf(engine), NOTHING);
});

test('a registry that takes nothing holds up no push to another', {
  skip: skip || cannotRunRegistry,
}, async () => {
  await using registry = await TestRegistry.start();
  await using proxy = await FaultProxy.before(registry.port);
  await using engine = startImageEngine();
  let stalled = 0;
  proxy.fault = ({ method, path }) => {
    if (method === 'GET' || method === 'HEAD' || !path.includes('/blobs/')) return undefined;
    stalled += 1;
    return new Promise<undefined>(() => undefined);
  };
  const [slow, good] = [proxy, registry].map(({ host }) => `${host}/image:1`);
  assert.ok(slow !== undefined && good !== undefined);
  const [much, little] = [MANY, 2].map(count => layersOf(count));
  for (const [tag, layers] of [
    [slow, much],
    [good, little],
  ] as const) {
    const archive = ociArchive([{ tags: [tag], layers: layers ?? [], compress: 'gzip' }]);
    await engine.images.load(Readable.from([archive]), () => undefined);
  }
  const leaving = new AbortController();
  const waiting = engine.images.push(parseReference(slow), () => undefined, { signal: leaving.signal });
  const ended = Promise.allSettled([waiting]);
  await until('as many have stalled as there are places', () => stalled >= 5);
  await engine.images.push(parseReference(good), () => undefined, { signal: AbortSignal.timeout(SOON) });
  leaving.abort();
  assert.equal((await ended)[0]?.status, 'rejected');
});

test('who waited for somebody else’s download goes on with his own when that fails', { skip }, async () => {
  const image = imageOf(1);
  await using registry = await SlowRegistry.with(image, 'stalls');
  await using engine = startImageEngine();
  const first = registry.pull(engine, { name: 'first' });
  await until('the layer has stalled', () => registry.stalled.size === 1);
  registry.mannerOf = name => (name === 'first' ? 'missing' : 'whole');
  let isListening = false;
  const second = registry.pull(engine, {
    name: 'second',
    emit: line => (isListening ||= 'status' in line && line.status === 'Downloading'),
  });
  await until('the second listens to the download of the first', () => isListening);
  for (const response of registry.stalled) response.destroy();
  await assert.rejects(first, /not found|unknown|404/i);
  await second;
  assert.equal(engine.images.list()[0]?.id, image.configDigest);
});
