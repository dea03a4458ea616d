import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Snapshotter } from './snapshotter.ts';

/** A driver under test. `settled` waits for its background work; `reopen` is what a new engine finds after a crash. */
export interface SnapshotterUnderTest extends AsyncDisposable {
  readonly snapshots: Snapshotter;
  settled(): Promise<void>;
  reopen(): Snapshotter;
}

/** What every {@link Snapshotter} must do. */
export function snapshotterSuite(name: string, create: () => SnapshotterUnderTest): void {
  const layer = (snapshots: Snapshotter, layerName: string, parent?: string): Promise<void> =>
    snapshots.ensureLayer(layerName, parent, async directory =>
      writeFileSync(join(directory, layerName), layerName),
    );

  test(`${name}: a layer is unpacked once, into an empty directory`, async () => {
    await using subject = create();
    const { snapshots } = subject;
    let unpacked = 0;
    const unpack = async (directory: string): Promise<void> => {
      unpacked += 1;
      assert.deepEqual(readdirSync(directory), []);
    };
    assert.equal(snapshots.hasCommitted('a'), false);
    await Promise.all([
      snapshots.ensureLayer('a', undefined, unpack),
      snapshots.ensureLayer('a', undefined, unpack),
    ]);
    await snapshots.ensureLayer('a', undefined, unpack);
    assert.equal(unpacked, 1);
    assert.equal(snapshots.hasCommitted('a'), true);
    assert.deepEqual(snapshots.committedNames(), ['a']);
  });

  test(`${name}: a layer whose unpacking fails or is cancelled does not exist`, async () => {
    await using subject = create();
    const { snapshots } = subject;
    await assert.rejects(
      snapshots.ensureLayer('a', undefined, () => Promise.reject(new Error('bad tar'))),
      /bad tar/,
    );
    const abort = new AbortController();
    const waiting = snapshots.ensureLayer(
      'a',
      undefined,
      (_, signal) => new Promise(resolve => signal.addEventListener('abort', () => resolve())),
      { signal: abort.signal },
    );
    abort.abort();
    await assert.rejects(waiting, { kind: 'cancelled' });
    await subject.settled();
    assert.deepEqual(snapshots.committedNames(), []);
    await layer(snapshots, 'a');
    assert.equal(snapshots.hasCommitted('a'), true);
  });

  test(`${name}: a layer needs its parent when it is committed, not before`, async () => {
    await using subject = create();
    const { snapshots } = subject;
    const parentDone = Promise.withResolvers<void>();
    const child = snapshots.ensureLayer('child', 'parent', () => parentDone.promise);
    await layer(snapshots, 'parent');
    parentDone.resolve();
    await child;
    await assert.rejects(layer(snapshots, 'orphan', 'nobody'), { kind: 'notFound' });
  });

  test(`${name}: prepare() stacks an active snapshot on its parents`, async () => {
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

  test(`${name}: unknown and taken names are told apart`, async () => {
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

  test(`${name}: usage() is that of the writable layer alone`, async () => {
    await using subject = create();
    const { snapshots } = subject;
    await layer(snapshots, 'layer');
    snapshots.prepare('c1', 'layer');
    assert.equal((await snapshots.usage('c1')).sizeBytes, 0);
    writeFileSync(join(snapshots.directories('c1').upper, 'f'), '12345');
    assert.deepEqual(await snapshots.usage('c1'), { sizeBytes: 5, inodes: 1 });
    assert.deepEqual(await snapshots.usage('layer'), { sizeBytes: 5, inodes: 1 });
  });

  test(`${name}: remove() takes the files too, and nothing that others stand on`, async () => {
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

  test(`${name}: after a crash everything committed is there, and sweep() takes what nobody owns`, async () => {
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
