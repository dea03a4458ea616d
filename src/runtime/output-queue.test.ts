import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutputQueue } from './output-queue.ts';
import { OUTPUT_HEADROOM, type OutputPacket } from './process-runtime.ts';

async function collect(queue: OutputQueue): Promise<string[]> {
  const seen: string[] = [];
  for await (const { stream, data } of queue) seen.push(`${stream}:${data.toString()}`);
  return seen;
}

test('an output queue hands output over in order, before and after its reader came', async () => {
  const queue = new OutputQueue();
  queue.add('stdout', Buffer.from('one'));
  queue.add('stderr', Buffer.from('two'));
  const reader = queue[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value } = await reader.next();
    return value ? `${value.stream}:${value.data.toString()}` : 'end';
  };
  assert.deepEqual([await next(), await next()], ['stdout:one', 'stderr:two']);
  const third = next();
  queue.add('stdout', Buffer.from('three'));
  assert.equal(await third, 'stdout:three');
  queue.add('stdout', Buffer.from('four'));
  queue.end();
  assert.deepEqual([await next(), await next()], ['stdout:four', 'end']);
});

test('an output queue joins what arrives in one turn, up to a size, and never across streams', async () => {
  const queue = new OutputQueue();
  const all = collect(queue);
  const expected: string[] = [];
  for (let at = 0; at < 20; at += 1) queue.add('stdout', Buffer.alloc(8192, 97 + at));
  for (const text of ['a', 'b']) queue.add('stderr', Buffer.from(text));
  queue.add('stdout', Buffer.from('end'));
  queue.end();
  for (let at = 0; at < 20; at += 1) expected.push(String.fromCharCode(97 + at).repeat(8192));
  const joined = [expected.slice(0, 8), expected.slice(8, 16), expected.slice(16)].map(
    part => `stdout:${part.join('')}`,
  );
  assert.deepEqual(await all, [...joined, 'stderr:ab', 'stdout:end']);
});

test('an output queue leaves room in front of each packet, and what it gave away is not touched again', async () => {
  const queue = new OutputQueue();
  const taken: OutputPacket[] = [];
  const reader = queue[Symbol.asyncIterator]();
  for (const text of ['first', 'second', 'third']) {
    queue.add('stdout', Buffer.from(text));
    const { value } = await reader.next();
    if (value) taken.push(value);
  }
  for (const { data } of taken) {
    Buffer.from(data.buffer, data.byteOffset - OUTPUT_HEADROOM, OUTPUT_HEADROOM).fill('x');
  }
  queue.add('stdout', Buffer.from('fourth'));
  assert.deepEqual(
    taken.map(({ data }) => data.toString()),
    ['first', 'second', 'third'],
  );
});

test('an output queue pauses its source when its reader is slow, and resumes it later', async () => {
  const queue = new OutputQueue();
  let resumes = 0;
  queue.setSource({ resume: () => void resumes++, destroy: () => undefined });
  const bytes = Buffer.alloc(8000, 'x');
  let count = 1;
  while (queue.add('stdout', bytes)) count++;
  assert.ok(count > 10 && count < 100, `paused after ${count} pieces`);
  assert.equal(resumes, 0);
  const reader = queue[Symbol.asyncIterator]();
  let read = 0;
  while (read < count * bytes.length) read += (await reader.next()).value?.data.length ?? 0;
  assert.equal(read, count * bytes.length);
  assert.equal(resumes, 1);
});

test('an output queue gives what is queued before it fails', async () => {
  const queue = new OutputQueue();
  queue.add('stdout', Buffer.from('last words'));
  queue.end(new Error('gone'));
  const reader = queue[Symbol.asyncIterator]();
  assert.equal((await reader.next()).done, false);
  await assert.rejects(reader.next(), { message: 'gone' });
});

test('an output queue stops its source when its reader leaves early', async () => {
  const queue = new OutputQueue();
  let isDestroyed = false;
  queue.setSource({ resume: () => undefined, destroy: () => void (isDestroyed = true) });
  queue.add('stdout', Buffer.from('one'));
  for await (const _packet of queue) break;
  assert.equal(isDestroyed, true);
});
