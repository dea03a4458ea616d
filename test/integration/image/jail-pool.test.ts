import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { GrowingFile } from '#store/growing-file';
import { JailPool } from '#store/jail-pool';
import { tarOf } from '../../support/image-archive.ts';
import { rootMissing } from '../../support/image-engine.ts';
import { cannotMountFuse, SilentFuse } from '../../support/silent-fuse.ts';
import { until } from '../../support/until.ts';

const skip = rootMissing();
let base = '';

before(() => {
  base = mkdtempSync(join(tmpdir(), 'quai-jail-'));
  mkdirSync(join(base, 'tree'));
  writeFileSync(join(base, 'tree/f'), '12345');
  writeFileSync(join(base, 'big.tar'), tarOf([{ path: 'f', content: Buffer.alloc(48 * 1024 * 1024) }]));
});
after(() => rmSync(base, { recursive: true }));

const threads = (): number => readdirSync('/proc/self/task').length;
const jailThreads = (): number =>
  readdirSync('/proc/self/task').filter(id => nameOf(id).startsWith('quai-jail')).length;

function nameOf(thread: string): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, 'utf8');
  } catch {
    return ''; // has ended meanwhile
  }
}

test('the pool does more jobs than it has threads, and keeps no thread without work', { skip }, async () => {
  await using pool = new JailPool({ size: 2, idleMs: 20 });
  const jobs = Array.from({ length: 8 }, () => pool.diskUsage(join(base, 'tree')));
  assert.deepEqual(await Promise.all(jobs), Array(8).fill(5));
  const busy = threads();
  await until('an idle thread has ended', () => threads() < busy);
  assert.equal(await pool.diskUsage(join(base, 'tree')), 5);
});

test('without descriptors left nothing is packed, and whoever opened what should be is told', {
  skip: skip || (existsSync('/usr/bin/prlimit') ? false : 'no prlimit: Debian has it in util-linux'),
}, async () => {
  await using pool = new JailPool({ size: 1 });
  const limit = `prlimit --pid ${process.pid} --nofile`;
  // Somebody else lifts the limit again: nothing can be started below it.
  const helper = spawn('sh', [
    '-c',
    `old=$(${limit} -o SOFT --noheadings) && ${limit}=3: && echo && read _ && ${limit}=$((old)):`,
  ]);
  const exit = once(helper, 'exit');
  await once(helper.stdout, 'data');
  let ends = 0;
  const onEnd = (): void => void (ends += 1);
  try {
    assert.throws(() => pool.pack({ root: base, path: '/', name: '' }, { onEnd }), { code: 'EMFILE' });
    assert.throws(() => pool.packLayers({ layers: [0], below: [], form: 'root' }, { onEnd }), {
      code: 'EMFILE',
    });
  } finally {
    helper.stdin.end('\n');
    await exit;
  }
  assert.equal(ends, 2);
  assert.ok((await buffer(pool.pack({ root: base, path: '/tree', name: 'tree' }, { onEnd }))).length > 1024);
  await until('it has ended', () => ends === 3);
});

test('disposing the pool stops what is under way, also while threads start', { skip }, async () => {
  for (const delayMs of [0, 5, 30, 60, 120]) {
    const pool = new JailPool({ size: 2 });
    const directory = mkdtempSync(join(base, 'out-'));
    const job = pool.extract({ archive: join(base, 'big.tar'), directory, whiteouts: 'none' });
    const outcome = job.then(
      () => 'done',
      (error: unknown) => error,
    );
    await new Promise(resolve => setTimeout(resolve, delayMs));
    await pool[Symbol.asyncDispose]();
    const result = await outcome;
    assert.ok(result === 'done' || (result instanceof Error && 'kind' in result), String(result));
    await assert.rejects(pool.diskUsage(base), { kind: 'unavailable' });
  }
});

test('a job waits for its turn no longer than its signal', { skip }, async () => {
  await using pool = new JailPool({ size: 1 });
  const directory = mkdtempSync(join(base, 'out-'));
  const first = pool.extract({ archive: join(base, 'big.tar'), directory, whiteouts: 'none' });
  await assert.rejects(pool.diskUsage(base, { signal: AbortSignal.timeout(1) }), { kind: 'deadline' });
  await first;
});

test('a missing directory is an error of the job, not of the pool', { skip }, async () => {
  await using pool = new JailPool({ size: 1 });
  await assert.rejects(pool.diskUsage(join(base, 'missing')), { kind: 'internal', message: /ENOENT/ });
  await assert.rejects(pool.extract({ archive: join(base, 'missing'), directory: base, whiteouts: 'none' }), {
    kind: 'internal',
    message: /ENOENT/,
  });
  assert.equal(await pool.diskUsage(join(base, 'tree')), 5);
});

test('the rest of the process stays where it is while a thread is in its jail', { skip }, async () => {
  await using pool = new JailPool({ size: 1 });
  const directory = mkdtempSync(join(base, 'out-'));
  let isDone = false;
  const job = pool.extract({ archive: join(base, 'big.tar'), directory, whiteouts: 'none' }).finally(() => {
    isDone = true;
  });
  let looks = 0;
  while (!isDone) {
    assert.equal(readFileSync(join(base, 'tree/f'), 'utf8'), '12345');
    looks += 1;
    await new Promise(resolve => setImmediate(resolve));
  }
  await job;
  assert.ok(looks > 0);
});

test('layers of one image that are being downloaded share a thread, and fail one by one', {
  skip,
}, async () => {
  await using pool = new JailPool({ size: 2 });
  const names = ['a', 'b', 'c', 'd'];
  const layers = names.map(name => {
    const path = join(base, `${name}.tar`);
    const tar = name === 'c' ? Buffer.alloc(2048, 'no tar') : tarOf([{ path: name, content: name }]);
    writeFileSync(path, gzipSync(tar));
    const file = new GrowingFile(path);
    const archive = { path, growth: file.shared, expected: { sizeBytes: statSync(path).size } };
    return { name, file, archive, directory: mkdtempSync(join(base, 'out-')) };
  });
  const idle = jailThreads();
  const jobs = layers.map(({ archive, directory }) => pool.index({ archive, directory }, { group: 'image' }));
  const outcomes = Promise.allSettled(jobs);
  await until('a thread has started', () => jailThreads() > idle);
  // The last one first: none waits for one that has not come.
  for (const { file, archive } of layers.toReversed()) {
    file.advance(archive.expected.sizeBytes);
    file.complete();
  }
  assert.deepEqual(
    (await outcomes).map(outcome =>
      outcome.status === 'fulfilled' ? outcome.value.entries : outcome.reason.kind,
    ),
    [1, 1, 'invalid', 1],
  );
  assert.equal(jailThreads(), idle + 1);
});

test('a thread that a group waits for in vain holds up nobody whose file has come', { skip }, async () => {
  await using pool = new JailPool({ size: 1 });
  const path = join(base, 'plain.tar');
  writeFileSync(path, tarOf([{ path: 'f', content: 'f' }]));
  const index = (file: GrowingFile, group: string, signal?: AbortSignal) =>
    pool.index(
      { archive: { path, growth: file.shared }, directory: mkdtempSync(join(base, 'out-')) },
      { group, ...(signal ? { signal } : {}) },
    );
  const stalled = new AbortController();
  const never = index(new GrowingFile(path), 'stalled', stalled.signal);
  const come = new GrowingFile(path);
  const job = index(come, 'other');
  come.advance(statSync(path).size);
  come.complete();
  assert.equal((await job).entries, 1);
  stalled.abort();
  await assert.rejects(never, { kind: 'cancelled' });
});

test('a tree whose server falls silent ends the stream of it, and holds up nobody else while its thread waits', {
  skip: skip || cannotMountFuse,
}, async () => {
  const tree = join(base, 'silent');
  mkdirSync(join(tree, 'far'), { recursive: true });
  writeFileSync(join(tree, 'a'), 'near');
  await using stuck = new JailPool({ size: 1, stuckMs: 1000 });
  // Ends before the pool does, which waits for the thread.
  using _far = new SilentFuse(join(tree, 'far'));
  const stream = stuck.pack({ root: tree, path: '/far/', name: '' });
  await assert.rejects(
    async () => {
      for await (const _ of stream);
    },
    {
      kind: 'unavailable',
      message: /nothing could be read for 1 s: is the server of what is mounted there running/,
    },
  );
  // There is one place, and its thread is still there.
  assert.ok((await stuck.usage(join(base, 'tree'))).inodes > 0);
});
