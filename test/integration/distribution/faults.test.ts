import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { digestOf } from '#base/ids';
import type { ContentDescriptor, DownloadTarget } from '#distribution/repository';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { type Fault, FaultProxy } from '../../support/fault-proxy.ts';
import { publish } from '../../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { until } from '../../support/until.ts';
import { ClientFixture } from './client-fixture.ts';

const skip = cannotRunRegistry;
const SMALL = randomBytes(2_000_000);
const LARGE = randomBytes(50_000_000);
let registry: TestRegistry;

function blobOf(bytes: Buffer): ContentDescriptor {
  return { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(bytes), size: bytes.length };
}

before(async () => {
  if (skip) return;
  registry = await TestRegistry.start();
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'blobs'));
  for (const bytes of [SMALL, LARGE]) {
    await repository.upload(blobOf(bytes), offset => Readable.from([bytes.subarray(offset)]));
  }
});

after(async () => {
  await registry?.[Symbol.asyncDispose]();
});

class Target implements DownloadTarget {
  available = 0;
  restarts = 0;
  readonly #canRestart: boolean;
  restart?: () => void;

  constructor({ canRestart = true } = {}) {
    this.#canRestart = canRestart;
    if (this.#canRestart) {
      this.restart = () => {
        this.restarts += 1;
        this.available = 0;
      };
    }
  }

  begin(): void {}

  advance(availableBytes: number): void {
    assert.ok(availableBytes >= this.available, `${availableBytes} after ${this.available}`);
    this.available = availableBytes;
  }
}

/** Downloads through a proxy that makes `fault` of the n-th request for a blob. */
async function download(
  bytes: Buffer,
  fault: (nth: number, path: string) => Fault | undefined,
  {
    target = new Target(),
    ...options
  }: { target?: Target } & ConstructorParameters<typeof ClientFixture>[0] = {},
) {
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture(options);
  let nth = 0;
  proxy.fault = ({ path }) => (path.includes('/blobs/sha256:') ? fault(++nth, path) : undefined);
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'blobs'));
  await repository.download(blobOf(bytes), target);
  assert.ok(readFileSync(fixture.content.path(digestOf(bytes))).equals(bytes));
  assert.deepEqual(readdirSync(join(fixture.folder, 'content', 'partial')), []);
  return { proxy, target, requests: nth };
}

test('a download goes on where it was cut, again and again', { skip }, async () => {
  const { proxy, requests } = await download(SMALL, nth => (nth < 5 ? { cutAfter: 400_000 } : undefined));
  assert.equal(requests, 5);
  const ranges = proxy.seen
    .filter(({ path }) => path.includes('/blobs/'))
    .map(({ headers }) => headers.range);
  assert.equal(ranges[0], undefined);
  for (const range of ranges.slice(1))
    assert.match(range ?? '', new RegExp(`^bytes=\\d+-${SMALL.length - 1}$`));
});

test('parts of a large blob that are cut or late end up in their place', { skip }, async () => {
  await download(LARGE, nth => (nth % 3 === 0 ? { cutAfter: 3_000_000 } : { delayMs: (nth * 7) % 40 }));
});

test('parts that come in the opposite order, each when the one after it is there, end up in their place', {
  skip,
}, async () => {
  const parts = Math.ceil(LARGE.length / (16 * 1024 * 1024));
  const ends = Array.from({ length: parts + 2 }, () => Promise.withResolvers<void>());
  ends[parts + 1]?.resolve();
  const order: number[] = [];
  const seen: number[] = [];
  class Watched extends Target {
    override advance(availableBytes: number): void {
      super.advance(availableBytes);
      seen.push(availableBytes);
    }
  }
  const reordered = (nth: number): Fault => ({
    bodyAfter: ends[nth + 1]?.promise,
    onEnd: () => {
      order.push(nth);
      ends[nth]?.resolve();
    },
  });
  const { requests } = await download(LARGE, reordered, { target: new Watched() });
  assert.equal(requests, parts);
  assert.deepEqual(
    order,
    Array.from({ length: parts }, (_, index) => parts - index),
  );
  assert.equal(seen.at(-1), LARGE.length);
});

test('a registry that gives no parts is read from one end to the other', { skip }, async () => {
  const { target } = await download(LARGE, nth =>
    nth < 3 ? { ignoresRanges: true, cutAfter: 20_000_000 } : { ignoresRanges: true },
  );
  assert.equal(target.available, LARGE.length);
});

test('a server that falls silent is left, and asked for the rest', { skip }, async () => {
  const { requests } = await download(SMALL, nth => (nth === 1 ? { stallAfter: 500_000 } : undefined), {
    limits: { stallMs: 1500 },
  });
  assert.equal(requests, 2);
});

test('a server in trouble is asked again, not before it wants to be', { skip }, async () => {
  const begun = performance.now();
  const { requests } = await download(SMALL, nth =>
    nth === 1
      ? { answer: { status: 429, headers: { 'retry-after': '1' } } }
      : nth === 2
        ? { answer: { status: 503 } }
        : undefined,
  );
  assert.equal(requests, 3);
  assert.ok(performance.now() - begun >= 990);
});

test('a registry that goes and comes back in the middle of a blob is waited for', { skip }, async () => {
  let isDown = false;
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture({ backOff: { attempts: 8, baseMs: 50, capMs: 200 } });
  proxy.fault = ({ path }) => {
    if (!path.includes('/blobs/') || isDown) return undefined;
    isDown = true;
    const { port } = proxy;
    proxy.stopListening();
    setTimeout(() => proxy.listenAgain(port), 150);
    return { cutAfter: 500_000 };
  };
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'blobs'));
  await repository.download(blobOf(SMALL), new Target());
  assert.ok(isDown);
  assert.ok(readFileSync(fixture.content.path(digestOf(SMALL))).equals(SMALL));
});

test('large downloads leave room for other requests to the same registry', { skip }, async () => {
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture({ downloads: 30 });
  proxy.fault = ({ path }) => (path.includes('/blobs/sha256:') ? { stallAfter: 10 } : undefined);
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'blobs'));
  const stop = new AbortController();
  const downloads = Array.from({ length: 30 }, (_, index) => {
    const blob = { ...blobOf(LARGE), digest: digestOf(Buffer.from(String(index))) };
    return repository.download(blob, new Target(), { signal: stop.signal }).catch(() => undefined);
  });
  await until('downloads are under way', () => proxy.count('/blobs/sha256:') >= 12);
  assert.ok(await repository.hasBlob(digestOf(LARGE), { signal: AbortSignal.timeout(60_000) }));
  stop.abort();
  await Promise.all(downloads);
  assert.equal(proxy.count('/blobs/sha256:'), 13, 'twelve downloads at a time, and the question');
});

test('more bytes than the manifest says are never taken', { skip }, async () => {
  for (const fault of [{ endless: true }, { headers: { 'content-length': String(SMALL.length + 1) } }]) {
    await assert.rejects(
      download(SMALL, () => fault),
      /wrong size|connection was cut/,
    );
  }
});

test('a manifest that lies about the size of a blob does no harm to another download of it', {
  skip,
}, async () => {
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture({ limits: { stallMs: 1000 } });
  let nth = 0;
  proxy.fault = ({ path }) =>
    path.includes('/blobs/sha256:') && ++nth === 1 ? { stallAfter: 1_000_000 } : undefined;
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'blobs'));
  const started = Promise.withResolvers<void>();
  const good = repository.download(blobOf(SMALL), new Target(), {
    onProgress: received => received >= 500_000 && started.resolve(),
  });
  await started.promise;
  const lie = { ...blobOf(SMALL), size: SMALL.length + 1 };
  await assert.rejects(repository.download(lie, new Target()), /wrong size/);
  await good;
  assert.ok(readFileSync(fixture.content.path(digestOf(SMALL))).equals(SMALL));
});

test('content that is not what was asked for is refused, and nothing of it stays', { skip }, async () => {
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture();
  proxy.fault = ({ path }) => (path.includes('/blobs/') ? { corruptAt: 1_000_000 } : undefined);
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'blobs'));
  const target = new Target({ canRestart: false });
  await assert.rejects(repository.download(blobOf(SMALL), target), {
    kind: 'dataLoss',
    message: /is not what was asked for: expected sha256:/,
  });
  assert.ok(!fixture.content.has(digestOf(SMALL)));
});

test('a download that was cancelled goes on after a restart of the engine', { skip }, async () => {
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture();
  proxy.fault = ({ path }) => (path.includes('/blobs/') ? { stallAfter: 6_000_000 } : undefined);
  const leaving = new AbortController();
  const target = new Target();
  const first = fixture.client
    .repository(fixture.reference(proxy.host, 'blobs'))
    .download(blobOf(LARGE), target, {
      signal: leaving.signal,
      onProgress: received => received >= 16_000_000 && leaving.abort(),
    });
  await assert.rejects(first, { kind: 'cancelled' });
  await fixture.client.settled();
  proxy.fault = () => undefined;
  proxy.seen.length = 0;
  using later = fixture.another();
  const progress: number[] = [];
  await later.repository(fixture.reference(proxy.host, 'blobs')).download(blobOf(LARGE), new Target(), {
    onProgress: received => progress.push(received),
  });
  assert.ok((progress[0] ?? 0) >= 15_000_000, `began at ${progress[0]}`);
  assert.ok(readFileSync(fixture.content.path(digestOf(LARGE))).equals(LARGE));
});

test('what was noted wrongly, or rotted meanwhile, is fetched again', { skip }, async () => {
  using fixture = new ClientFixture();
  const path = join(
    fixture.folder,
    'content',
    'partial',
    `${digestOf(SMALL).slice('sha256:'.length)}-${SMALL.length}`,
  );
  writeFileSync(path, randomBytes(SMALL.length));
  writeFileSync(
    `${path}.json`,
    JSON.stringify({ size: SMALL.length, parts: [[0, SMALL.length, 1_500_000]] }),
  );
  const target = new Target();
  await fixture.client.repository(fixture.reference(registry.host, 'blobs')).download(blobOf(SMALL), target);
  assert.equal(target.restarts, 1);
  assert.ok(readFileSync(fixture.content.path(digestOf(SMALL))).equals(SMALL));
});

test('equal downloads are one; the one who leaves does not end it for the other', { skip }, async () => {
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture();
  proxy.fault = ({ path }) => (path.includes('/blobs/') ? { delayMs: 200 } : undefined);
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'blobs'));
  const leaving = new AbortController();
  const targets = [new Target(), new Target()] as const;
  const one = repository.download(blobOf(SMALL), targets[0], { signal: leaving.signal });
  const other = repository.download(blobOf(SMALL), targets[1]);
  leaving.abort();
  await assert.rejects(one, { kind: 'cancelled' });
  await other;
  assert.equal(targets[1].available, SMALL.length);
  assert.equal(proxy.count('/blobs/'), 1);
});

test('a mirror is asked first, and the registry where the mirror cannot help', { skip }, async () => {
  await using mirror = await FaultProxy.before(registry.port);
  await using origin = await FaultProxy.before(registry.port);
  using folder = new ClientFixture();
  const rules = join(folder.folder, 'registries.json');
  const rule = { prefix: origin.host, mirrors: [{ location: mirror.host, insecure: true }] };
  writeFileSync(rules, JSON.stringify({ registries: [rule] }));
  using fixture = new ClientFixture({ rules });
  const repository = fixture.client.repository(fixture.reference(origin.host, 'blobs'));
  await repository.download(blobOf(SMALL), new Target());
  assert.deepEqual([mirror.count('/blobs/'), origin.count('/blobs/')], [1, 0]);

  mirror.fault = ({ path }) => (path.includes('/blobs/') ? { answer: { status: 404 } } : undefined);
  await fixture.content.remove(digestOf(SMALL));
  await repository.download(blobOf(SMALL), new Target());
  assert.deepEqual([mirror.count('/blobs/'), origin.count('/blobs/')], [2, 1]);

  writeFileSync(rules, JSON.stringify({ registries: [{ ...rule, blocked: true }] }));
  assert.throws(() => fixture.client.repository(fixture.reference(origin.host, 'blobs')), {
    kind: 'forbidden',
  });
  writeFileSync(rules, 'not JSON');
  assert.throws(() => fixture.client.repository(fixture.reference(origin.host, 'blobs')), {
    kind: 'forbidden',
  });
  assert.ok(fixture.log.some(({ message }) => /stay as they were/.test(message)));
});

test('a mirror that does not answer costs one wait, not one for each request', { skip }, async () => {
  await using mirror = await FaultProxy.before(registry.port);
  mirror.fault = () => ({ delayMs: 600_000 });
  using folder = new ClientFixture();
  const rules = join(folder.folder, 'registries.json');
  writeFileSync(
    rules,
    JSON.stringify({
      registries: [{ prefix: `127.0.0.1:${registry.port}`, mirrors: [`http://${mirror.host}`] }],
    }),
  );
  let now = 0;
  using fixture = new ClientFixture({ rules, limits: { headersMs: 1500 }, now: () => now });
  const repository = fixture.client.repository(fixture.reference(registry.host, 'blobs'));
  await repository.download(blobOf(SMALL), new Target());
  await repository.download(blobOf(LARGE), new Target());
  assert.equal(mirror.seen.length, 1);
  now += 61_000;
  await assert.rejects(repository.blob({ ...blobOf(SMALL), digest: digestOf(Buffer.from('none')) }));
  assert.equal(mirror.seen.length, 2, 'after a minute it gets another chance');
});

test('an upload goes on where it was cut', { skip }, async () => {
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture();
  const bytes = randomBytes(3_000_000);
  let cuts = 0;
  proxy.fault = ({ method }) =>
    method === 'PATCH' && ++cuts < 3 ? { cutRequestAfter: 1_000_000 } : undefined;
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'uploads'));
  const opened: number[] = [];
  const outcome = await repository.upload(blobOf(bytes), offset => {
    opened.push(offset);
    return Readable.from([bytes.subarray(offset)]);
  });
  assert.deepEqual(outcome, { how: 'uploaded' });
  assert.ok(opened.length >= 2 && opened[0] === 0, `opened at ${opened}`);
  await repository.download(blobOf(bytes), new Target());
  assert.ok(existsSync(fixture.content.path(digestOf(bytes))));
});

test('an upload waits for a registry that goes and comes back in the middle of it', { skip }, async () => {
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture({ backOff: { attempts: 12, baseMs: 20, capMs: 200 } });
  const bytes = randomBytes(3_000_000);
  let back: Promise<void> | undefined;
  const isMissed = () => fixture.log.some(({ message }) => message.startsWith('the registry is away'));
  proxy.fault = ({ method }) => {
    if (method !== 'PATCH' || back) return undefined;
    const { port } = proxy;
    proxy.stopListening();
    back = until('somebody asks for it', isMissed).then(() => proxy.listenAgain(port));
    return { cutRequestAfter: 1_000_000 };
  };
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'uploads'));
  const outcome = await repository.upload(blobOf(bytes), offset => Readable.from([bytes.subarray(offset)]));
  assert.deepEqual(outcome, { how: 'uploaded' });
  await back;
});

test('a manifest that is cut in the middle is asked for again; one that is always cut is given up', {
  skip,
}, async () => {
  await using proxy = await FaultProxy.before(registry.port);
  using fixture = new ClientFixture();
  const { digest } = await publish(registry.host, 'cut', '1', [{ layers: [[{ path: 'f', content: 'x' }]] }]);
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'cut:1'));
  let cuts = 2;
  proxy.fault = ({ method, path }) =>
    method === 'GET' && path.includes('/manifests/') && cuts-- > 0 ? { cutAfter: 50 } : undefined;
  assert.equal((await repository.manifest('1')).descriptor.digest, digest);
  cuts = Number.POSITIVE_INFINITY;
  await assert.rejects(repository.manifest('1'), { kind: 'unavailable', message: /the connection was cut/ });
});
