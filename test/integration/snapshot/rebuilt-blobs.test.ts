import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Digest } from '#base/ids';
import { silentLogger } from '#base/logger';
import { layerBlobMigrations } from '#snapshot/layer-blob-table';
import type { LayerFormatName } from '#snapshot/layer-format';
import { OverlaySnapshotter } from '#snapshot/overlay-snapshotter';
import { RebuiltBlobs, type RebuiltBlobsDeps } from '#snapshot/rebuilt-blobs';
import { snapshotMigrations } from '#snapshot/snapshot-table';
import type { LayerTars } from '#snapshot/snapshotter';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { ContentStore } from '#store/content-store';
import { Database } from '#store/database';
import { JailPool } from '#store/jail-pool';
import { Leases } from '#store/leases';
import { linuxMounts } from '#sys/mount';
import { goGzip } from '../../support/go-gzip.ts';
import { rootMissing } from '../../support/image-engine.ts';
import { randomNumbers } from '../../support/random-layers.ts';
import { until } from '../../support/until.ts';

const skip = rootMissing();
const NEVER_MS = 3_600_000;
const sha256 = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const TAR = tarOfWords();

function tarOfWords(): Buffer {
  const below = randomNumbers(5);
  const words = Array.from({ length: 60_000 }, () => 'word'.repeat(1 + below(3)) + below(500)).join(' ');
  return Buffer.concat([tarEntry({ path: 'words' }, words), tarEntry({ path: 'f' }, 'x'), TAR_END]);
}

/** A gzip file whose header has a name. */
function namedGzip(bytes: Buffer): Buffer {
  const plain = goGzip(bytes);
  const header = Buffer.from(plain.subarray(0, 10));
  header[3] = 8;
  return Buffer.concat([header, Buffer.from('layer.tar\0'), plain.subarray(10)]);
}

function start(format: LayerFormatName = 'erofs') {
  const root = mkdtempSync(join(tmpdir(), 'quai-rebuilt-'));
  const db = new Database(':memory:');
  db.migrate([...snapshotMigrations, ...layerBlobMigrations], silentLogger);
  const jail = new JailPool();
  const content = new ContentStore({ root: join(root, 'content') });
  const leases = new Leases();
  const snapshots = new OverlaySnapshotter({
    db,
    jail,
    format,
    mounts: linuxMounts,
    logger: silentLogger,
    root: join(root, 'snapshots'),
    onTar: (diffId, { blobDigest, blobBytes, tarBytes }) =>
      blobs.note({ digest: blobDigest, sizeBytes: blobBytes, diffId, tarBytes }),
  });
  const open = (idleMs = NEVER_MS, other: Partial<RebuiltBlobsDeps> = {}): RebuiltBlobs =>
    new RebuiltBlobs({ db, content, tars: snapshots, jail, leases, logger: silentLogger, idleMs, ...other });
  const blobs = open();
  return {
    root,
    jail,
    snapshots,
    content,
    leases,
    blobs,
    open,
    take: async (bytes: Buffer, tar = TAR): Promise<Digest> => {
      const digest = await content.add(bytes);
      const source = { archive: content.path(digest), diffId: sha256(tar), isVerified: true };
      await snapshots.ensureLayer(`of ${digest}`, undefined, {
        ...source,
        blob: { digest, sizeBytes: bytes.length },
      });
      return digest;
    },
    [Symbol.asyncDispose]: async () => {
      await blobs[Symbol.asyncDispose]();
      await snapshots.settled();
      await jail[Symbol.asyncDispose]();
      snapshots[Symbol.dispose]();
      db[Symbol.dispose]();
      rmSync(root, { recursive: true });
    },
  };
}

async function read(blobs: RebuiltBlobs, digest: Digest): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of blobs.open(digest)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

for (const [what, compress] of [
  ["Go's gzip", goGzip],
  ["Go's gzip with a name in the header", namedGzip],
] as const) {
  test(`a blob made by ${what} is kept once, as its tar, and comes out the same`, { skip }, async () => {
    await using engine = start();
    const bytes = compress(TAR);
    const digest = await engine.take(bytes);
    await engine.blobs.tidy();
    assert.equal(engine.content.has(digest), false);
    await using blobs = engine.open(); // as after a restart
    assert.deepEqual([blobs.has(digest), blobs.size(digest)], [true, bytes.length]);
    const both = await Promise.all([read(blobs, digest), read(blobs, digest)]);
    for (const read of both) assert.ok(read.equals(bytes));
    await blobs.tidy();
    assert.equal(engine.content.has(digest), false);
    await blobs.remove(digest);
    assert.equal(blobs.has(digest), false);
    await assert.rejects(read(blobs, digest), { kind: 'notFound' });
  });
}

test('a blob that does not come out the same is kept', { skip }, async () => {
  await using engine = start();
  const gzip = goGzip(TAR);
  const padded = Buffer.concat([gzip, Buffer.alloc(10)]);
  for (const bytes of [
    padded,
    Buffer.concat([gzipSync(TAR.subarray(0, 1000)), gzipSync(TAR.subarray(1000))]),
    zstdCompressSync(TAR),
    gzipSync(TAR), // by the zlib of this Node: the next one's output may be another
  ]) {
    const digest = await engine.take(bytes);
    await engine.blobs.tidy();
    await engine.blobs.tidy();
    assert.equal(engine.content.has(digest), true);
    assert.ok((await read(engine.blobs, digest)).equals(bytes));
  }
});

test('a blob is kept where its layer is unpacked, and a plain one has nothing to rebuild', {
  skip,
}, async () => {
  for (const [format, bytes] of [
    ['directory', goGzip(TAR)],
    ['erofs', TAR],
  ] as const) {
    await using engine = start(format);
    const digest = await engine.take(bytes);
    await engine.blobs.tidy();
    assert.equal(engine.content.has(digest), true);
  }
});

test('a blob that is being read, or whose search is called off, stays', { skip }, async () => {
  await using engine = start();
  const digest = await engine.take(goGzip(TAR));
  await assert.rejects(engine.blobs.tidy({ signal: AbortSignal.abort() }), { kind: 'cancelled' });
  const reading = engine.blobs.open(digest);
  await reading.next();
  await engine.blobs.tidy();
  assert.equal(engine.content.has(digest), true);
  await reading.return(undefined);
});

test('a blob whose tar was damaged is not given out', { skip }, async () => {
  await using engine = start();
  const digest = await engine.take(goGzip(TAR));
  await engine.blobs.tidy();
  const place = engine.snapshots.tarOf(sha256(TAR));
  assert.ok(place && 'tar' in place);
  const fd = openSync(place.tar, 'r+');
  writeSync(fd, 'damage', 2000);
  closeSync(fd);
  await assert.rejects(read(engine.blobs, digest), { kind: 'dataLoss' });
  assert.equal(engine.content.has(digest), false);
  assert.deepEqual(readdirSync(join(engine.root, 'content/ingest')), []);
});

test('blobs go by themselves when no layer has come for a while', { skip }, async () => {
  await using engine = start();
  const digest = await engine.take(goGzip(TAR));
  await using _blobs = engine.open(10);
  await until('it has gone', () => !engine.content.has(digest));
});

test('a blob that work under way needs as it is stays until that is done', { skip }, async () => {
  await using engine = start();
  const digest = await engine.take(goGzip(TAR));
  const lease = engine.leases.hold([digest]);
  await engine.blobs.tidy();
  assert.equal(engine.content.has(digest), true);
  lease[Symbol.dispose]();
  await engine.blobs.tidy();
  assert.equal(engine.content.has(digest), false);
});

/** The tars of layers, with another way to pack them. */
function packedBy({ snapshots }: ReturnType<typeof start>, pack: LayerTars['pack']): LayerTars {
  return {
    tarOf: diffId => snapshots.tarOf(diffId),
    isKeptAsTar: diffId => snapshots.isKeptAsTar(diffId),
    pack,
  };
}

test('tidy() waits for blobs that are being made again: it would change what they are made from', {
  skip,
}, async () => {
  await using engine = start();
  const bytes = goGzip(TAR);
  const digest = await engine.take(bytes);
  await engine.blobs.tidy();
  const log: string[] = [];
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const jail: RebuiltBlobsDeps['jail'] = {
    run: async (job, input, options) => {
      log.push(job);
      begun.resolve();
      await goOn.promise;
      return await engine.jail.run(job, input, options);
    },
  };
  const tars = packedBy(engine, async () => void log.push('pack'));
  await using blobs = engine.open(NEVER_MS, { jail, tars });
  const reading = read(blobs, digest);
  await begun.promise;
  const tidying = blobs.tidy();
  await new Promise(setImmediate);
  assert.deepEqual(log, ['rebuild']);
  goOn.resolve();
  assert.ok((await reading).equals(bytes));
  await tidying;
  assert.deepEqual(log, ['rebuild', 'pack']);
});

test('tidy() gives way to who needs a blob at once, and then does what it was asked for', {
  skip,
}, async () => {
  await using engine = start();
  const bytes = goGzip(TAR);
  const digest = await engine.take(bytes);
  await engine.blobs.tidy();
  const packing = Promise.withResolvers<void>();
  let passes = 0;
  const tars = packedBy(engine, async signal => {
    passes += 1;
    if (passes > 1) return;
    packing.resolve();
    await new Promise(resolve => signal?.addEventListener('abort', resolve, { once: true }));
  });
  await using blobs = engine.open(NEVER_MS, { tars });
  const tidying = blobs.tidy();
  await packing.promise;
  assert.ok((await read(blobs, digest)).equals(bytes));
  await tidying;
  assert.equal(passes, 2);
});
