import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Logger, silentLogger } from '#base/logger';
import { FakeLogWriter, type FakeRecord } from './fake-log-writer.ts';
import { LogRotator } from './log-rotator.ts';
import { type LogQuery, readLogs } from './read-logs.ts';
import { removeOldFiles, shiftFiles } from './shift-files.ts';

const QUERY: LogQuery = {
  stdout: true,
  stderr: true,
  hasTimestamps: false,
  isFollowing: false,
  isRaw: true,
  sharesFrames: false,
};

test('shiftFiles() moves all files on and drops the oldest', async () => {
  using folder = temporaryFolder({ l: '0', 'l.1': '1', 'l.2': '2', 'other.1': 'x' });
  await shiftFiles(join(folder.path, 'l'), 3);
  assert.deepEqual(folder.content(), { 'l.1': '0', 'l.2': '1', 'other.1': 'x' });
});

test('shiftFiles() closes the gap a crash has left, and loses no file for it', async () => {
  using folder = temporaryFolder({ l: '0', 'l.1': '1', 'l.3': '3' });
  await shiftFiles(join(folder.path, 'l'), 4);
  assert.deepEqual(folder.content(), { 'l.1': '0', 'l.2': '1', 'l.3': '3' });
});

test('removeOldFiles() keeps as many as the limit says', async () => {
  using folder = temporaryFolder({ l: '0', 'l.1': '1', 'l.2': '2', 'l.10': '10', 'l.tmp': 't' });
  await removeOldFiles(join(folder.path, 'l'), 2);
  assert.deepEqual(folder.content(), { l: '0', 'l.1': '1', 'l.tmp': 't' });
});

test('LogRotator rotates a full log and keeps the wanted number of files', async () => {
  using folder = temporaryFolder({});
  const path = join(folder.path, 'l');
  using writer = new FakeLogWriter(path);
  using rotator = new LogRotator({ logger: silentLogger });
  rotator.add('c', { path, maxSizeBytes: 1000, maxFiles: 3, reopen: () => writer.reopen() });
  for (let round = 0; round < 4; round += 1) {
    writer.write(...Array.from({ length: 30 }, () => line(`round ${round}`)));
    await until(() => sizeOf(path) === 0);
  }

  await until(() => readdirSync(folder.path).length === 3);
  assert.match(readFileSync(`${path}.1`, 'utf8'), /round 3\n$/);
  assert.match(readFileSync(`${path}.2`, 'utf8'), /round 2\n$/);
});

test('LogRotator keeps one file only when asked for one', async () => {
  using folder = temporaryFolder({});
  const path = join(folder.path, 'l');
  using writer = new FakeLogWriter(path);
  using rotator = new LogRotator({ logger: silentLogger });
  rotator.add('c', { path, maxSizeBytes: 100, maxFiles: 1, reopen: () => writer.reopen() });
  writer.write(line('a'), line('b'), line('c'));

  await until(() => sizeOf(path) === 0 && readdirSync(folder.path).length === 1);
});

test('LogRotator catches up with a log that was renamed by an engine that then died', async () => {
  using folder = temporaryFolder({});
  const path = join(folder.path, 'l');
  using writer = new FakeLogWriter(path);
  writer.write(line('before'));
  renameSync(path, `${path}.1`);
  writer.write(line('between'));
  using rotator = new LogRotator({ logger: silentLogger });
  let reopened = 0;
  const reopen = (): void => {
    reopened += 1;
    writer.reopen();
  };
  rotator.add('c', { path, maxFiles: 2, reopen });
  await until(() => existsSync(path));
  writer.write(line('after'));

  assert.equal(reopened, 1);
  assert.equal(await read(path, QUERY, Promise.resolve()), 'before\nbetween\nafter\n');
});

test('LogRotator leaves a log alone whose container was removed, and reports what fails', async () => {
  using folder = temporaryFolder({});
  const path = join(folder.path, 'l');
  writeFileSync(path, 'x'.repeat(100));
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: message => void warnings.push(message) };
  using rotator = new LogRotator({ logger });
  const reopen = (): void => {
    throw new Error('no supervisor');
  };
  rotator.add('c', { path, maxSizeBytes: 10, maxFiles: 2, reopen });
  await until(() => warnings.length > 0);
  rotator.remove('c');

  assert.deepEqual(warnings, ['cannot rotate a log']);
  assert.deepEqual(folder.content(), { 'l.1': 'x'.repeat(100) });
});

test('a follower reads every line once while a busy log rotates', async () => {
  using folder = temporaryFolder({});
  const path = join(folder.path, 'l');
  using writer = new FakeLogWriter(path);
  using rotator = new LogRotator({ logger: silentLogger });
  rotator.add('c', { path, maxSizeBytes: 20_000, maxFiles: 100, reopen: () => writer.reopen() });
  const ended = Promise.withResolvers<void>();
  const reading = read(path, { ...QUERY, isFollowing: true }, ended.promise);
  let written = 0;
  while (readdirSync(folder.path).length < 6) {
    for (let count = 0; count < 20; count += 1) writer.write(line(`${written++}`));
    await new Promise(resolve => setTimeout(resolve, 1));
  }
  ended.resolve();

  const numbers = (await reading).trim().split('\n').map(Number);
  assert.deepEqual(
    numbers,
    Array.from({ length: written }, (_, index) => index),
  );
});

async function read(path: string, query: LogQuery, ended: Promise<void>): Promise<string> {
  let text = '';
  for await (const chunk of readLogs(path, query, { ended })) text += chunk.toString();
  return text;
}

function line(text: string): FakeRecord {
  return { stream: 'stdout', atNanos: 1_795_248_420_000_000_000n, isFull: true, text };
}

function temporaryFolder(files: Record<string, string>) {
  const path = mkdtempSync(join(tmpdir(), 'quai-rotate-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return {
    path,
    content: () =>
      Object.fromEntries(readdirSync(path).map(name => [name, readFileSync(join(path, name), 'utf8')])),
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 25_000;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, 'it did not happen');
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

/** `undefined` while it is away: between being renamed and being begun anew. */
function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
