import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import type { SquashProgress } from '#image/image-squasher';
import { linuxMounts } from '#sys/mount';
import { dockerArchive, type LayerEntry, type TestImage } from '../../support/image-archive.ts';
import { type ImageEngine, rootMissing, startImageEngine } from '../../support/image-engine.ts';
import { describeTree } from '../../support/tree-description.ts';
import { PATIENCE_MS } from '../../support/until.ts';
import { filesOf } from './leftovers.ts';

const skip = rootMissing();
const SQUASHER = new URL('./crash-squasher.ts', import.meta.url).pathname;

const file = (path: string, content = path): LayerEntry => ({ path, content, mode: 0o640, mtimeSeconds: 77 });
const directory = (path: string): LayerEntry => ({ path, type: 'directory', mode: 0o750, mtimeSeconds: 77 });
const LAYERS: TestImage['layers'] = [
  [
    directory('./'),
    directory('a/'),
    file('a/1'),
    file('a/2'),
    directory('b/'),
    file('b/x'),
    file('plain'),
    directory('gone/'),
    file('gone/f'),
  ],
  [
    file('a/3'),
    file('secret'),
    file('a/.wh.1', ''),
    directory('c/'),
    file('c/y'),
    directory('swap/'),
    file('swap/in'),
  ],
  [file('.wh.secret', ''), file('a/2', 'second'), directory('c/'), file('c/.wh..wh..opq', ''), file('c/z')],
  [
    file('.wh.gone', ''),
    directory('b/'),
    file('b/.wh..wh..opq', ''),
    file('b/new'),
    file('.wh.swap', ''),
    { path: 'again', type: 'hardlink', linkPath: 'b/new' },
    { path: 'link', type: 'symlink', linkPath: '../../outside', mtimeSeconds: 77 },
    { path: 'tool', content: 'x'.repeat(70_000), mode: 0o4755, uid: 7, gid: 8, mtimeSeconds: 77 },
  ],
  // what another layer in between deleted comes again, with less
  [directory('gone/'), file('gone/g'), directory('swap/'), file('plain', 'third')],
];
const CONFIG = { Cmd: ['sh'], Env: ['A=1'], Labels: { k: 'v' } };

async function load(engine: ImageEngine, tag: string, layers: TestImage['layers']): Promise<void> {
  const archive = dockerArchive([{ tags: [tag], layers, config: CONFIG }]);
  await engine.images.load(Readable.from([archive]), () => undefined);
}

function tree(engine: ImageEngine, reference: string): object[] {
  const target = mkdtempSync(join(tmpdir(), 'quai-squash-'));
  try {
    linuxMounts.mount(target, engine.snapshots.viewMounts(engine.images.get(reference).snapshot ?? ''));
    return describeTree(target, { since: Math.floor(Date.now() / 1000) - 3600 });
  } finally {
    linuxMounts.unmount(target);
    rmSync(target, { recursive: true });
  }
}

for (let kept = 0; kept < LAYERS.length - 1; kept += 1) {
  test(`squash() of the layers above the lowest ${kept} shows the same tree`, { skip }, async () => {
    await using engine = startImageEngine();
    await load(engine, 'x:1', LAYERS);
    const source = engine.images.get('x:1');
    const { image, layers } = await engine.images.squash('x:1', { tag: 'x:2', from: String(kept) });
    assert.equal(layers, LAYERS.length - kept);
    assert.deepEqual(image.repoTags, ['x:2']);
    assert.deepEqual(image.diffIds.slice(0, kept), source.diffIds.slice(0, kept));
    assert.equal(image.diffIds.length, kept + 1);
    assert.deepEqual(image.config, source.config);
    assert.deepEqual(tree(engine, 'x:2'), tree(engine, 'x:1'));
    assert.deepEqual(
      image.history.map(({ createdBy, isEmptyLayer }) => [createdBy, isEmptyLayer]),
      [...LAYERS.map((_, index) => [`layer ${index}`, index >= kept]), ['image squash', false]],
    );
    assert.match(image.history.at(-1)?.comment ?? '', /^squashed \d layers of sha256:/);
    assert.equal(engine.events.at(-1)?.action, 'squash');
    // It stands on its own: the old one can go, and it is read by an engine that was started anew.
    await engine.images.remove('x:1', { force: false, noPrune: false });
    assert.deepEqual((await engine.images.check()).findings, []);
    assert.ok(tree(engine, 'x:2').length > 5);
  });
}

test('squash() leaves nothing of what one of the layers deleted of another, not even its name', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  await load(engine, 'x:1', LAYERS);
  for (const kept of [0, 1]) {
    const { image } = await engine.images.squash('x:1', { from: String(kept) });
    const blob = image.layers.at(-1)?.blobDigest;
    assert.ok(blob);
    const tar = (await buffer(engine.content.stream(blob))).toString('latin1');
    assert.doesNotMatch(tar, /secret/);
    assert.equal(
      /\.wh\.gone|gone\/\.wh\.\.wh\.\.opq/.test(tar),
      kept === 1,
      'what the kept layer has is deleted',
    );
    assert.equal(/\.wh\./.test(tar), kept === 1);
  }
});

test('squash() keeps the layers of a base image by its name, and says how much is not shared any more', {
  skip,
}, async () => {
  await using engine = startImageEngine();
  await load(engine, 'base:1', LAYERS.slice(0, 2));
  await load(engine, 'x:1', LAYERS);
  const onBase = await engine.images.squash('x:1', { from: 'base:1' });
  assert.deepEqual([onBase.layers, onBase.unsharedBytes], [3, 0]);
  const whole = await engine.images.squash('x:1');
  const shared = engine.images.get('base:1').sizeBytes;
  assert.deepEqual([whole.layers, whole.unsharedBytes], [5, shared]);
  assert.ok(whole.bytesAfter < whole.bytesBefore);
});

for (const [what, reference, options, error] of [
  ['one layer', 'one:1', {}, { kind: 'invalid', message: /nothing to squash/ }],
  ['too few above the base', 'x:1', { from: '4' }, { kind: 'invalid', message: /nothing to squash/ }],
  ['more layers than there are', 'x:1', { from: '6' }, { kind: 'invalid', message: /has only 5 layers/ }],
  ['a base it was not made from', 'x:1', { from: 'one:1' }, { kind: 'invalid', message: /not made from it/ }],
  ['a base that is not there', 'x:1', { from: 'no:1' }, { kind: 'notFound' }],
  ['no such image', 'no:1', {}, { kind: 'notFound' }],
  ['a bad name', 'x:1', { tag: 'Bad' }, { kind: 'invalid' }],
] as const) {
  test(`squash() refuses ${what}, and leaves nothing`, { skip }, async () => {
    await using engine = startImageEngine();
    await load(engine, 'x:1', LAYERS);
    await load(engine, 'one:1', [[file('other')]]);
    const before = await filesOf(engine);
    await assert.rejects(engine.images.squash(reference, options), error);
    assert.deepEqual(await filesOf(engine), before);
  });
}

test('squash() that is cancelled leaves nothing', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, 'x:1', LAYERS);
  const before = await filesOf(engine);
  const signal = AbortSignal.abort();
  await assert.rejects(engine.images.squash('x:1', { signal }), { kind: 'cancelled' });
  assert.deepEqual(await filesOf(engine), before);
  assert.equal(engine.images.list().length, 1);
});

test('squash() goes on when its image is removed meanwhile, and what it held goes after it', {
  skip,
}, async () => {
  for (const from of ['', '2']) {
    await using engine = startImageEngine();
    await load(engine, 'x:1', LAYERS);
    const shown = tree(engine, 'x:1');
    let isRemoved = false;
    const { image } = await engine.images.squash('x:1', {
      from,
      tag: 'x:2',
      onProgress: ({ state }) => {
        if (isRemoved || state !== 'merging') return;
        isRemoved = true;
        void engine.images.remove('x:1', { force: true, noPrune: false });
      },
    });
    assert.ok(isRemoved);
    assert.deepEqual(
      engine.images.list().map(({ id }) => id),
      [image.id],
    );
    assert.deepEqual(tree(engine, 'x:2'), shown);
    const layers = image.diffIds.length;
    const { blobs, snapshots, ...rest } = await filesOf(engine);
    assert.deepEqual([blobs, snapshots], [layers, layers], 'the layers of the source are gone');
    assert.deepEqual(rest, { ingest: 0, unpacking: 0, trash: 0 });
    assert.deepEqual((await engine.images.check()).findings, []);
  }
});

test('squash() tells how far it is', { skip }, async () => {
  await using engine = startImageEngine();
  await load(engine, 'x:1', LAYERS);
  const seen: SquashProgress[] = [];
  const { bytesBefore } = await engine.images.squash('x:1', { onProgress: progress => seen.push(progress) });
  assert.deepEqual([...new Set(seen.map(({ state }) => state))], ['merging', 'storing', 'stored']);
  const merging = seen.filter(({ state }) => state === 'merging');
  assert.deepEqual([merging[0]?.doneBytes, merging.at(-1)?.doneBytes], [0, bytesBefore]);
  assert.ok(merging.every(({ doneBytes, totalBytes }) => doneBytes <= totalBytes));
});

/** Squashes in another process, which is killed a while after it has come to a state. @returns whether it was done before. */
async function squashAndKill(root: string, state: string, afterMs: number): Promise<boolean> {
  const args = [SQUASHER, root, 'x:1', 'x:2'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = Promise.withResolvers<number | null>();
  child.once('exit', code => exited.resolve(code));
  child.stdout.on('data', (text: Buffer) => {
    if (!text.includes(state)) return;
    const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
    child.once('exit', () => clearTimeout(timer));
  });
  return (await exited.promise) === 0;
}

test('a kill in the middle of squash() leaves the source as it was, and nothing half-made', {
  skip,
}, async () => {
  const root = mkdtempSync(join(tmpdir(), 'quai-image-'));
  const first = startImageEngine({}, root);
  const many = (name: string): LayerEntry[] =>
    Array.from({ length: 300 }, (_, index) => file(`${name}/${index}`, name.repeat(500)));
  await load(first, 'x:1', [many('a'), many('b'), many('c')]);
  const shown = tree(first, 'x:1');
  const before = await filesOf(first);
  first.close();
  const outcomes: boolean[] = [];
  for (const [state, afterMs] of [
    ['merging', 0],
    ['merging', 20],
    ['storing', 0],
    ['storing', 20],
    ['stored', PATIENCE_MS],
  ] as const) {
    await squashAndKill(root, state, afterMs);
    const engine = startImageEngine({}, root);
    engine.images.sweep();
    await engine.snapshots.sweep(() => false);
    const squashed = engine.images.find('x:2');
    outcomes.push(squashed !== undefined);
    assert.deepEqual((await engine.images.check()).findings, [], `${state} ${afterMs}`);
    assert.deepEqual(tree(engine, 'x:1'), shown);
    if (squashed) {
      assert.deepEqual(tree(engine, 'x:2'), shown);
      await engine.images.remove('x:2', { force: true, noPrune: false });
    }
    assert.deepEqual(await filesOf(engine), before, `${state} ${afterMs}`);
    engine.close();
  }
  assert.deepEqual([outcomes[0], outcomes.at(-1)], [false, true], 'kills before the end and after it');
  await using _engine = startImageEngine({}, root);
});
