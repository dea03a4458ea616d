import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { JailPool } from '#store/jail-pool';
import { tarOf } from '../../support/image-archive.ts';
import { rootMissing } from '../../support/image-engine.ts';

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

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'waited too long');
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

test('the pool does more jobs than it has threads, and keeps no thread without work', { skip }, async () => {
  await using pool = new JailPool({ size: 2, idleMs: 20 });
  const jobs = Array.from({ length: 8 }, () => pool.diskUsage(join(base, 'tree')));
  assert.deepEqual(await Promise.all(jobs), Array(8).fill(5));
  const busy = threads();
  await until(() => threads() < busy);
  assert.equal(await pool.diskUsage(join(base, 'tree')), 5);
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
