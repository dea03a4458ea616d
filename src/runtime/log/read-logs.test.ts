import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import fileSystem from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { FakeLogWriter, type FakeRecord, formatRecord } from './fake-log-writer.ts';
import { type LogQuery, readLogs } from './read-logs.ts';
import { shiftFiles } from './shift-files.ts';

const START = 1_795_248_420_242_950_316n; // 2026-11-21T08:07:00.242950316Z
const SECOND = 1_000_000_000n;
const ALL: LogQuery = {
  stdout: true,
  stderr: true,
  hasTimestamps: false,
  isFollowing: false,
  isRaw: false,
  sharesFrames: false,
};
const ENDED = Promise.resolve();

test('readLogs() gives full lines their newline and joins parts', async () => {
  using log = temporaryLog();
  log.writeFile(0, [
    record({ text: 'one' }),
    record({ text: 'tw', isFull: false }),
    record({ text: 'o' }),
    record({ text: '' }),
    record({ text: 'oops', stream: 'stderr' }),
  ]);

  assert.deepEqual(parseFrames(await readAll(log.path, { ...ALL, sharesFrames: true })), [
    ['stdout', 'one\ntwo\n\n'],
    ['stderr', 'oops\n'],
  ]);
});

test('readLogs() gives raw bytes for a terminal, carriage returns and all', async () => {
  using log = temporaryLog();
  log.writeFile(0, [record({ text: 'a\r' }), record({ text: '$ ', isFull: false })]);

  assert.equal((await readAll(log.path, { ...ALL, isRaw: true })).toString(), 'a\r\n$ ');
});

test('readLogs() starts each line with its time in UTC and its details, also one written in parts', async () => {
  using log = temporaryLog();
  const text = [
    formatRecord(record({ text: 'he', isFull: false }), 330),
    formatRecord(record({ text: 'warn', stream: 'stderr', atNanos: START + SECOND }), -150),
    formatRecord(record({ text: 'llo', atNanos: START + 2n * SECOND }), 330),
    formatRecord(record({ text: 'end', atNanos: START + 3n * SECOND })),
  ];
  writeFileSync(log.path, text.join(''));

  const query = { ...ALL, hasTimestamps: true, details: 'a=b' };
  assert.deepEqual(parseFrames(await readAll(log.path, query)), [
    ['stdout', '2026-11-21T08:07:00.242950316Z a=b he'],
    ['stderr', '2026-11-21T08:07:01.242950316Z a=b warn\n'],
    ['stdout', 'llo\n'],
    ['stdout', '2026-11-21T08:07:03.242950316Z a=b end\n'],
  ]);
});

test('readLogs() takes since and until as inclusive, to the nanosecond', async () => {
  using log = temporaryLog();
  log.writeFile(
    0,
    [0n, 1n, 2n, 3n].map(step => record({ text: `${step}`, atNanos: START + step })),
  );

  const query = { ...ALL, sinceNanos: START + 1n, untilNanos: START + 2n };
  assert.deepEqual(parseFrames(await readAll(log.path, query)), [
    ['stdout', '1\n'],
    ['stdout', '2\n'],
  ]);
});

test('readLogs() of a log that does not exist is empty', async () => {
  using log = temporaryLog();
  assert.equal((await readAll(log.path, ALL)).length, 0);
});

test('readLogs() drops what is no record and shows the start of a line that was cut', async () => {
  using log = temporaryLog();
  const whole = formatRecord(record({ text: 'whole' }));
  const cut = formatRecord(record({ text: 'cut short' })).slice(0, -6);
  writeFileSync(log.path, `garbage\n\n${'\0'.repeat(100)}\n${whole}${cut}`);

  assert.deepEqual(joined(parseFrames(await readAll(log.path, ALL))), [['stdout', 'whole\ncut ']]);
});

test('readLogs() survives a megabyte without a newline', async () => {
  using log = temporaryLog();
  const whole = formatRecord(record({ text: 'whole' }));
  writeFileSync(log.path, `${whole}${'\0'.repeat(3_000_000)}\n${whole}`);

  assert.deepEqual(joined(parseFrames(await readAll(log.path, ALL))), [['stdout', 'whole\nwhole\n']]);
});

test('readLogs() equals a simple reader, whatever is written and asked for', async () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = randomNumbers(seed);
    using log = temporaryLog();
    const records = randomRecords(random, random(seed % 10 === 0 ? 20_000 : 200));
    const zone = [0, 60, -210][random(3)] ?? 0;
    log.writeSplit(records, 1 + random(4), random, zone);
    const query = randomQuery(random, records);

    const actual = await readAll(log.path, query);
    const expected = reference(records, query);
    if (query.isRaw)
      assert.equal(actual.toString(), expected.map(([, text]) => text).join(''), `seed ${seed}`);
    else if (query.sharesFrames)
      assert.deepEqual(joined(parseFrames(actual)), joined(expected), `seed ${seed} ${show(query)}`);
    else assert.deepEqual(parseFrames(actual), expected, `seed ${seed} ${show(query)}`);
  }
});

test('readLogs() follows until the container has ended, across rotation at every point', async () => {
  for (let renameAt = 0; renameAt <= 6; renameAt += 1) {
    for (let reopenAt = renameAt; reopenAt <= 6; reopenAt += 1) {
      for (const startAt of [0, 3, 6]) await followRotation(renameAt, reopenAt, startAt);
    }
  }
});

/** Writes six lines, and before those numbered so renames the log, lets the writer reopen it, and starts to follow. */
async function followRotation(renameAt: number, reopenAt: number, startAt: number): Promise<void> {
  using log = temporaryLog();
  using writer = new FakeLogWriter(log.path);
  const ended = Promise.withResolvers<void>();
  const output = follow(log.path, ended.promise);
  let reading: Promise<Buffer> | undefined;
  for (const [index, text] of ['a', 'b', 'c', 'd', 'e', 'f', ''].entries()) {
    if (index === startAt) reading = output.start();
    if (index === renameAt) renameSync(log.path, `${log.path}.1`);
    if (index === reopenAt) writer.reopen();
    if (text !== '') writer.write(record({ text }));
    if (reading) await output.has(`${text}\n`);
  }
  ended.resolve();

  const frames = joined(parseFrames(await (reading ?? output.start())));
  assert.deepEqual(frames, [['stdout', 'a\nb\nc\nd\ne\nf\n']], `${renameAt} ${reopenAt} ${startAt}`);
}

test('readLogs() reads what was written to a file just before the next one was begun', async () => {
  using log = temporaryLog();
  using writer = new FakeLogWriter(log.path);
  writer.write(record({ text: 'a' }));
  const ended = Promise.withResolvers<void>();
  using _moment = atNextStat(() => {
    writer.write(record({ text: 'b' }));
    renameSync(log.path, `${log.path}.1`);
    writer.reopen();
    writer.write(record({ text: 'c' }));
    ended.resolve();
  });
  assert.equal(await readFollowing(log.path, ended.promise), 'a\nb\nc\n');
});

test('readLogs() reads what was written just before the container ended', async () => {
  using log = temporaryLog();
  using writer = new FakeLogWriter(log.path);
  writer.write(record({ text: 'a' }));
  const ended = Promise.withResolvers<void>();
  using _moment = atNextStat(() => {
    writer.write(record({ text: 'b' }));
    ended.resolve();
  });
  assert.equal(await readFollowing(log.path, ended.promise), 'a\nb\n');
});

test('readLogs() that fell behind finds every file rotated meanwhile', async () => {
  using log = temporaryLog();
  using writer = new FakeLogWriter(log.path);
  const ended = Promise.withResolvers<void>();
  writer.write(record({ text: '0' }));
  const iterator = readLogs(log.path, { ...ALL, isFollowing: true, isRaw: true }, { ended: ended.promise });
  let text = (await iterator.next()).value?.toString() ?? '';
  for (let number = 1; number <= 4; number += 1) {
    await shiftFiles(log.path, 9);
    writer.write(record({ text: `${number} late` }));
    writer.reopen();
    writer.write(record({ text: `${number}` }));
  }
  ended.resolve();
  for await (const chunk of iterator) text += chunk.toString();

  assert.equal(text, '0\n1 late\n1\n2 late\n2\n3 late\n3\n4 late\n4\n');
});

test('readLogs() that follows waits for the end of a line', async () => {
  using log = temporaryLog();
  using writer = new FakeLogWriter(log.path);
  const ended = Promise.withResolvers<void>();
  const output = follow(log.path, ended.promise);
  const reading = output.start();
  const line = formatRecord(record({ text: 'slowly' }));
  writer.write(record({ text: 'first' }));
  writer.writeRaw(line.slice(0, 50));
  await output.has('first\n');
  writer.writeRaw(line.slice(50));
  await output.has('slowly\n');
  ended.resolve();

  assert.deepEqual(joined(parseFrames(await reading)), [['stdout', 'first\nslowly\n']]);
});

test('readLogs() that follows begins with a log that appears later', async () => {
  using log = temporaryLog();
  const ended = Promise.withResolvers<void>();
  const output = follow(log.path, ended.promise);
  const reading = output.start();
  await new Promise(resolve => setImmediate(resolve));
  using writer = new FakeLogWriter(log.path);
  writer.write(record({ text: 'late' }));
  await output.has('late\n');
  ended.resolve();

  assert.deepEqual(parseFrames(await reading), [['stdout', 'late\n']]);
});

test('readLogs() that follows with tail 0 shows only what is new', async () => {
  using log = temporaryLog();
  using writer = new FakeLogWriter(log.path);
  writer.write(record({ text: 'old' }));
  const ended = Promise.withResolvers<void>();
  const iterator = readLogs(
    log.path,
    { ...ALL, isFollowing: true, tail: 0, isRaw: true },
    { ended: ended.promise },
  );
  const first = iterator.next();
  const output = { isThere: false };
  first.then(() => (output.isThere = true));
  // Nothing tells when the reader has found the end: lines before that count as old.
  while (!output.isThere) {
    writer.write(record({ text: 'new' }));
    await new Promise(resolve => setImmediate(resolve));
  }

  assert.match((await first).value?.toString() ?? '', /^(new\n)+$/);
  await iterator.return();
});

test('readLogs() that follows ends when the client leaves', async () => {
  using log = temporaryLog();
  using writer = new FakeLogWriter(log.path);
  const client = new AbortController();
  const output = follow(log.path, new Promise(() => undefined), client.signal);
  const reading = output.start();
  writer.write(record({ text: 'x' }));
  await output.has('x\n');
  client.abort();

  assert.equal(parseFrames(await reading).length, 1);
});

test('readLogs() that follows ends when the wanted time is over', async () => {
  using log = temporaryLog();
  using writer = new FakeLogWriter(log.path);
  writer.write(record({ text: 'x' }));
  const query = { ...ALL, isFollowing: true, untilNanos: BigInt(Date.now()) * 1_000_000n + 20_000_000n };
  const chunks = [];
  for await (const chunk of readLogs(log.path, query, { ended: new Promise(() => undefined) }))
    chunks.push(chunk);

  assert.deepEqual(parseFrames(Buffer.concat(chunks)), [['stdout', 'x\n']]);
});

function record(changes: Partial<FakeRecord>): FakeRecord {
  return { stream: 'stdout', atNanos: START, isFull: true, text: '', ...changes };
}

interface TemporaryLog extends Disposable {
  readonly path: string;
  writeFile(age: number, records: readonly FakeRecord[], zone?: number): void;
  writeSplit(records: readonly FakeRecord[], files: number, random: Random, zone: number): void;
}

function temporaryLog(): TemporaryLog {
  const directory = mkdtempSync(join(tmpdir(), 'quai-log-'));
  const path = join(directory, 'ctr.log');
  const writeFile: TemporaryLog['writeFile'] = (age, records, zone = 0) =>
    writeFileSync(
      age === 0 ? path : `${path}.${age}`,
      records.map(item => formatRecord(item, zone)).join(''),
    );
  return {
    path,
    writeFile,
    writeSplit(records, files, random, zone) {
      let rest = records;
      for (let age = files - 1; age >= 0; age -= 1) {
        const count = age === 0 ? rest.length : random(rest.length + 1);
        writeFile(age, rest.slice(0, count), zone);
        rest = rest.slice(count);
      }
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

async function readAll(path: string, query: LogQuery): Promise<Buffer> {
  const chunks = [];
  for await (const chunk of readLogs(path, query, { ended: ENDED })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A reader in the background, whose output can be waited for. */
function follow(path: string, ended: Promise<void>, signal?: AbortSignal) {
  const chunks: Buffer[] = [];
  let onChunk: () => void = () => undefined;
  return {
    async start(): Promise<Buffer> {
      const options = { ended, ...(signal && { signal }) };
      for await (const chunk of readLogs(path, { ...ALL, isFollowing: true }, options)) {
        chunks.push(Buffer.from(chunk));
        onChunk();
      }
      return Buffer.concat(chunks);
    },
    async has(text: string): Promise<void> {
      while (!Buffer.concat(chunks).toString().includes(text)) {
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error(`"${text}" was not read`)), 25_000);
          onChunk = () => resolve(clearTimeout(timer));
        });
      }
    },
  };
}

async function readFollowing(path: string, ended: Promise<void>): Promise<string> {
  let text = '';
  for await (const chunk of readLogs(path, { ...ALL, isFollowing: true, isRaw: true }, { ended })) {
    text += chunk.toString();
  }
  return text;
}

/** Lets something happen between the reader's finding the end of a file and its look for the next. */
function atNextStat(happen: () => void): Disposable {
  const { stat } = fileSystem;
  const mocked = mock.method(fileSystem, 'stat', (...args: Parameters<typeof stat>) => {
    restore();
    happen();
    return stat(...args);
  });
  const restore = (): void => {
    mocked.mock.restore();
    syncBuiltinESMExports();
  };
  syncBuiltinESMExports();
  return { [Symbol.dispose]: restore };
}

type Frame = readonly [stream: 'stdout' | 'stderr', text: string];

function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    assert.ok(bytes[at] === 1 || bytes[at] === 2, `stream ${bytes[at]} at ${at}`);
    assert.deepEqual([...bytes.subarray(at + 1, at + 4)], [0, 0, 0]);
    const length = bytes.readUInt32BE(at + 4);
    assert.ok(length > 0 && at + 8 + length <= bytes.length, `length ${length} at ${at}`);
    frames.push([bytes[at] === 1 ? 'stdout' : 'stderr', bytes.toString('utf8', at + 8, at + 8 + length)]);
    at += 8 + length;
  }
  return frames;
}

/** Neighbouring frames of one stream as one: how lines share frames is the reader's choice. */
function joined(frames: readonly Frame[]): Frame[] {
  const result: Frame[] = [];
  for (const [stream, text] of frames) {
    const last = result.at(-1);
    if (last?.[0] === stream) result[result.length - 1] = [stream, last[1] + text];
    else result.push([stream, text]);
  }
  return result;
}

type Random = (below: number) => number;

/** mulberry32: the same numbers for the same seed */
function randomNumbers(seed: number): Random {
  let state = seed * 0x9e3779b9;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

function randomRecords(random: Random, count: number): FakeRecord[] {
  let atNanos = START;
  return Array.from({ length: count }, () => {
    atNanos += BigInt(random(3)) * BigInt(random(1_500_000_000));
    const length = random(20) === 0 ? random(9000) : random(120);
    return {
      stream: random(3) === 0 ? 'stderr' : 'stdout',
      atNanos,
      isFull: random(5) !== 0,
      text: String.fromCharCode(97 + random(26)).repeat(length),
    };
  });
}

function randomQuery(random: Random, records: readonly FakeRecord[]): LogQuery {
  const moment = (): bigint => records[random(records.length)]?.atNanos ?? START;
  return {
    stdout: random(4) !== 0,
    stderr: random(4) !== 0,
    hasTimestamps: random(3) === 0,
    isFollowing: random(3) === 0,
    isRaw: random(3) === 0,
    sharesFrames: random(2) === 0,
    ...(random(3) === 0 && { sinceNanos: moment() }),
    ...(random(3) === 0 && { untilNanos: moment() }),
    ...(random(2) === 0 && { tail: random(records.length + 2) }),
    ...(random(5) === 0 && { details: 'k=v' }),
  };
}

/** What `readLogs` should say, written to be obvious. */
function reference(records: readonly FakeRecord[], query: LogQuery): Frame[] {
  const wanted = records.filter(
    ({ stream, atNanos }) =>
      query[stream] &&
      atNanos >= (query.sinceNanos ?? 0n) &&
      (query.untilNanos === undefined || atNanos <= query.untilNanos),
  );
  const open = new Set<string>();
  return lastLines(wanted, query.tail).flatMap(({ stream, atNanos, isFull, text }): Frame[] => {
    const stamp = `${new Date(Number(atNanos / 1_000_000n)).toISOString().slice(0, 19)}.${(atNanos % SECOND).toString().padStart(9, '0')}Z `;
    const prefix =
      (query.hasTimestamps ? stamp : '') + (query.details === undefined ? '' : `${query.details} `);
    const line = (open.has(stream) ? '' : prefix) + text + (isFull ? '\n' : '');
    if (isFull) open.delete(stream);
    else open.add(stream);
    return line === '' ? [] : [[stream, line]];
  });
}

function lastLines(records: readonly FakeRecord[], count: number | undefined): readonly FakeRecord[] {
  if (count === undefined) return records;
  const met = new Set<string>();
  let lines = 0;
  for (let index = records.length - 1; index >= 0; index -= 1) {
    const { stream, isFull } = records[index] ?? record({});
    if (isFull || !met.has(stream)) lines += 1;
    met.add(stream);
    if (lines > count) return records.slice(index + 1);
  }
  return records;
}

function show(query: LogQuery): string {
  return JSON.stringify(query, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
}
