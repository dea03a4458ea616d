import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Digest } from '#base/ids';
import { TAR_END, type TarEntryInit, tarEntry } from '#spec/tar/tar-writer';
import { GrowingFile } from '#store/growing-file';
import type { LayerSource, Snapshotter, TakenLayer } from './snapshotter.ts';

/** A driver under test. `settled` waits for its background work; `reopen` is what a new engine finds after a crash. */
export interface SnapshotterUnderTest extends AsyncDisposable {
  readonly snapshots: Snapshotter;
  settled(): Promise<void>;
  /** layers that are not finished, on the disk */
  unpacking(): string[];
  reopen(): Snapshotter;
}

const base = mkdtempSync(join(tmpdir(), 'quai-layers-'));
process.once('exit', () => rmSync(base, { recursive: true }));
let archives = 0;

const sha256 = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A layer in a file, gzipped unless told otherwise. */
export function layerSource(
  entries: readonly (TarEntryInit & { readonly content?: string })[],
  { isPlain = false }: { readonly isPlain?: boolean } = {},
): LayerSource & { readonly archive: string; readonly bytes: Buffer } {
  const tar = Buffer.concat([...entries.map(entry => tarEntry(entry, entry.content)), TAR_END]);
  const bytes = isPlain ? tar : gzipSync(tar);
  archives += 1;
  const archive = join(base, `layer-${archives}`);
  writeFileSync(archive, bytes);
  const blob = { digest: sha256(bytes), sizeBytes: bytes.length };
  return { archive, diffId: sha256(tar), blob, bytes };
}

/** What every {@link Snapshotter} must do. */
export function snapshotterSuite(
  name: string,
  create: () => SnapshotterUnderTest,
  { skip = false }: { readonly skip?: string | false } = {},
): void {
  const layer = (
    snapshots: Snapshotter,
    layerName: string,
    parent?: string,
  ): Promise<TakenLayer | undefined> =>
    snapshots.ensureLayer(layerName, parent, layerSource([{ path: layerName, content: layerName }]));

  test(`${name}: a layer is taken in once, and what was found is told`, { skip }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    for (const isPlain of [true, false]) {
      const source = layerSource(
        [
          { path: 'd/', type: 'directory' },
          { path: 'd/f', content: '12345' },
        ],
        { isPlain },
      );
      const layerName = `plain ${isPlain}`;
      assert.equal(snapshots.hasCommitted(layerName), false);
      const both = await Promise.all([
        snapshots.ensureLayer(layerName, undefined, source),
        snapshots.ensureLayer(layerName, undefined, { ...source, archive: '/nowhere' }),
      ]);
      assert.deepEqual(both[0], both[1]);
      const { blobDigest, blobBytes, tarBytes, sizeBytes } = both[0] ?? assert.fail('is new');
      assert.deepEqual({ digest: blobDigest, sizeBytes: blobBytes }, source.blob);
      assert.deepEqual([tarBytes, sizeBytes], [512 + 1024 + 1024, 5]);
      assert.equal(
        await snapshots.ensureLayer(layerName, undefined, { ...source, archive: '/nowhere' }),
        undefined,
      );
      assert.equal(snapshots.hasCommitted(layerName), true);
    }
    assert.deepEqual(snapshots.committedNames(), ['plain true', 'plain false']);
  });

  test(`${name}: a layer that is not what it should be, or is cancelled, does not exist`, {
    skip,
  }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    const good = layerSource([{ path: 'f', content: 'x' }]);
    const other = layerSource([{ path: 'g', content: 'x' }]);
    const bad: readonly (readonly [LayerSource, object])[] = [
      [
        { ...good, diffId: other.diffId },
        { kind: 'invalid', message: /^invalid diffID for layer: expected "sha256:/ },
      ],
      [{ ...good, blob: other.blob }, { kind: 'dataLoss' }],
      [{ ...good, blob: { ...good.blob, sizeBytes: good.blob.sizeBytes - 1 } }, { kind: 'dataLoss' }],
      [{ ...good, blob: { ...good.blob, sizeBytes: good.blob.sizeBytes + 1 } }, { kind: 'dataLoss' }],
      [cut(good), { kind: 'invalid' }],
    ];
    for (const [source, error] of bad)
      await assert.rejects(snapshots.ensureLayer('a', undefined, source), error);
    const abort = new AbortController();
    const growing = new GrowingFile(good.archive);
    const waiting = snapshots.ensureLayer(
      'a',
      undefined,
      { ...good, archive: growing },
      { signal: abort.signal },
    );
    growing.advance(10);
    abort.abort();
    await assert.rejects(waiting, { kind: 'cancelled' });
    await subject.settled();
    assert.deepEqual(snapshots.committedNames(), []);
    await layer(snapshots, 'a');
    assert.equal(snapshots.hasCommitted('a'), true);
  });

  test(`${name}: a layer is taken in while it is still being written`, { skip }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    const source = layerSource([{ path: 'f', content: 'x'.repeat(5000) }]);
    const path = join(base, 'growing');
    writeFileSync(path, '');
    const archive = new GrowingFile(path);
    const taken = snapshots.ensureLayer('a', undefined, { ...source, archive });
    for (let end = 0; end < source.bytes.length; end += 7) {
      writeFileSync(path, source.bytes.subarray(end, end + 7), { flag: 'a' });
      archive.advance(Math.min(end + 7, source.bytes.length));
      await new Promise(resolve => setImmediate(resolve));
    }
    archive.complete();
    assert.equal((await taken)?.blobDigest, source.blob.digest);
    const broken = new GrowingFile(path);
    const failing = snapshots.ensureLayer('b', undefined, { ...source, archive: broken });
    broken.advance(20);
    broken.fail();
    await assert.rejects(failing, { kind: 'unavailable' });
  });

  test(`${name}: who waited for another's source goes on with its own when that fails`, {
    skip,
  }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    const source = layerSource([{ path: 'f', content: 'x' }]);
    const broken = new GrowingFile(source.archive);
    const first = snapshots.ensureLayer('a', undefined, { ...source, archive: broken });
    const second = snapshots.ensureLayer('a', undefined, source);
    broken.fail();
    await assert.rejects(first, { kind: 'unavailable' });
    assert.equal((await second)?.blobDigest, source.blob.digest);
  });

  test(`${name}: a layer waits for its parent, which was begun before it`, { skip }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    const source = layerSource([{ path: 'f', content: 'x' }]);
    const archive = new GrowingFile(source.archive);
    const parent = snapshots.ensureLayer('parent', undefined, { ...source, archive });
    const child = layer(snapshots, 'child', 'parent');
    const isWaiting = await Promise.race([
      child.then(() => false),
      new Promise(resolve => setTimeout(resolve, 50, true)),
    ]);
    assert.equal(isWaiting, true);
    archive.advance(source.bytes.length);
    archive.complete();
    await Promise.all([parent, child]);
    assert.equal(snapshots.layerDirectories('child').length, 2);
    await assert.rejects(layer(snapshots, 'orphan', 'nobody'), { kind: 'notFound' });
  });

  test(`${name}: what is read ahead becomes the layer that wants it, once`, { skip }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    const { archive: path, bytes, ...expected } = layerSource([{ path: 'f', content: 'x' }]);
    const copy = join(base, 'read-ahead');
    writeFileSync(copy, bytes);
    const archive = new GrowingFile(copy);
    await using draft = snapshots.readAhead(archive);
    archive.advance(10);
    archive.advance(bytes.length);
    archive.complete();
    const { blobDigest, diffId } = await draft.facts();
    assert.deepEqual([blobDigest, diffId], [expected.blob.digest, expected.diffId]);
    assert.deepEqual(snapshots.committedNames(), []);
    rmSync(copy);
    const wanted = { ...expected, archive: copy, draft };
    const taken = await snapshots.ensureLayer('a', undefined, wanted);
    assert.equal(taken?.blobDigest, blobDigest);
    assert.deepEqual(readdirSync(snapshots.layerDirectories('a')[0] ?? ''), ['f']);
    await assert.rejects(snapshots.ensureLayer('b', 'a', wanted), /ENOENT/);
    await snapshots.ensureLayer('b', 'a', { ...wanted, archive: path });
    assert.deepEqual(snapshots.committedNames(), ['a', 'b']);
  });

  test(`${name}: a draft of another layer than said is refused, one that is none says so`, {
    skip,
  }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    const source = layerSource([{ path: 'f', content: 'x' }]);
    const other = layerSource([{ path: 'g', content: 'x' }]);
    const begin = (path: string) => {
      const growing = new GrowingFile(path);
      growing.advance(statSync(path).size);
      return { growing, draft: snapshots.readAhead(growing) };
    };
    const errors = [
      [{ ...source, blob: other.blob }, { kind: 'dataLoss' }],
      [
        { ...source, diffId: other.diffId },
        { kind: 'invalid', message: /^invalid diffID for layer/ },
      ],
    ] as const;
    for (const [wanted, error] of errors) {
      const { growing, draft } = begin(source.archive);
      growing.complete();
      await assert.rejects(snapshots.ensureLayer('a', undefined, { ...wanted, draft }), error);
    }
    const broken = begin(cut(source).archive);
    broken.growing.complete();
    await assert.rejects(broken.draft.facts(), { kind: 'invalid' });
    await broken.draft[Symbol.asyncDispose]();
    const unused = begin(source.archive).draft; // the rest of it never comes
    await unused[Symbol.asyncDispose]();
    await assert.rejects(unused.facts(), { kind: 'cancelled' });
    await subject.settled();
    await snapshots.sweep(() => false);
    assert.deepEqual(snapshots.committedNames(), []);
    assert.deepEqual(subject.unpacking(), []);
  });

  test(`${name}: prepare() stacks an active snapshot on its parents`, { skip }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    await layer(snapshots, 'low');
    await layer(snapshots, 'high', 'low');
    snapshots.prepare('c1', 'high');
    const { upper, lowers } = snapshots.directories('c1');
    assert.deepEqual(readdirSync(upper), []);
    assert.deepEqual(
      lowers.map(directory => readdirSync(directory)),
      [['high'], ['low']],
    );
    assert.notEqual(snapshots.mounts('c1').source, '');
    snapshots.prepare('scratch', undefined);
    assert.deepEqual(snapshots.directories('scratch').lowers, []);
  });

  test(`${name}: unknown and taken names are told apart`, { skip }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    await layer(snapshots, 'a');
    snapshots.prepare('c1', 'a');
    assert.throws(() => snapshots.prepare('c1', 'a'), { kind: 'conflict' });
    assert.throws(() => snapshots.prepare('c2', 'nobody'), { kind: 'notFound' });
    assert.throws(() => snapshots.prepare('c2', 'c1'), { kind: 'notFound' });
    assert.throws(() => snapshots.mounts('a'), { kind: 'notFound' });
    assert.throws(() => snapshots.mounts('c2'), { kind: 'notFound' });
    assert.throws(() => snapshots.viewMounts('c1'), { kind: 'notFound' });
    assert.throws(() => snapshots.directories('c2'), { kind: 'notFound' });
    await assert.rejects(snapshots.usage('c2'), { kind: 'notFound' });
    assert.notEqual(snapshots.viewMounts('a').source, '');
  });

  test(`${name}: usage() is that of the writable layer alone`, { skip }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    await layer(snapshots, 'layer');
    snapshots.prepare('c1', 'layer');
    assert.equal((await snapshots.usage('c1')).sizeBytes, 0);
    writeFileSync(join(snapshots.directories('c1').upper, 'f'), '12345');
    assert.deepEqual(await snapshots.usage('c1'), { sizeBytes: 5, inodes: 1 });
    assert.deepEqual(await snapshots.usage('layer'), { sizeBytes: 5, inodes: 1 });
  });

  test(`${name}: remove() takes the files too, and nothing that others stand on`, { skip }, async () => {
    await using subject = create();
    const { snapshots } = subject;
    await layer(snapshots, 'a');
    snapshots.prepare('c1', 'a');
    const { upper } = snapshots.directories('c1');
    assert.throws(() => snapshots.remove('a'), { kind: 'conflict' });
    snapshots.remove('c1');
    snapshots.remove('c1');
    assert.throws(() => snapshots.mounts('c1'), { kind: 'notFound' });
    await subject.settled();
    assert.equal(existsSync(upper), false);
    snapshots.remove('a');
    assert.deepEqual(snapshots.committedNames(), []);
    snapshots.prepare('c1', undefined);
  });

  test(`${name}: after a crash everything committed is there, and sweep() takes what nobody owns`, {
    skip,
  }, async () => {
    await using subject = create();
    await layer(subject.snapshots, 'a');
    subject.snapshots.prepare('owned', 'a');
    subject.snapshots.prepare('forgotten', 'a');
    const forgotten = subject.snapshots.directories('forgotten').upper;
    const owned = subject.snapshots.directories('owned').upper;

    const snapshots = subject.reopen();
    await snapshots.sweep(key => key === 'owned');

    assert.deepEqual(snapshots.committedNames(), ['a']);
    assert.equal(snapshots.directories('owned').upper, owned);
    assert.throws(() => snapshots.mounts('forgotten'), { kind: 'notFound' });
    assert.equal(existsSync(forgotten), false);
    snapshots.prepare('new', 'a');
    assert.notEqual(snapshots.directories('new').upper, forgotten);
  });
}

function cut(source: ReturnType<typeof layerSource>): LayerSource & { readonly archive: string } {
  const bytes = source.bytes.subarray(0, -10);
  const archive = `${source.archive}-cut`;
  writeFileSync(archive, bytes);
  return { ...source, archive, blob: { digest: sha256(bytes), sizeBytes: bytes.length } };
}
