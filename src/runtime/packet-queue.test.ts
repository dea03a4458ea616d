import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacketQueue } from './packet-queue.ts';
import { OUTPUT_HEADROOM } from './process-runtime.ts';

const PACKET_BYTES = 8193;

/** Reads into the queue as a socket does. */
function receive(queue: PacketQueue, streamNumber: number, text: string): boolean {
  const memory = queue.reserve();
  memory[0] = streamNumber;
  return queue.push(1 + memory.write(text, 1));
}

async function collect(queue: PacketQueue): Promise<string[]> {
  const seen: string[] = [];
  for await (const { stream, data } of queue) seen.push(`${stream}:${data.toString()}`);
  return seen;
}

test('a packet queue hands packets over in order, before and after its reader came', async () => {
  const queue = new PacketQueue(PACKET_BYTES);
  receive(queue, 2, 'one');
  receive(queue, 3, 'two');
  const all = collect(queue);
  await Promise.resolve();
  receive(queue, 2, 'three');
  queue.end();
  assert.deepEqual(await all, ['stdout:one', 'stderr:two', 'stdout:three']);
});

test('a packet queue leaves room in front of each packet that writing to does not harm the others', async () => {
  const queue = new PacketQueue(PACKET_BYTES);
  for (const text of ['first', 'second', 'third']) receive(queue, 2, text);
  queue.end();
  const packets = [];
  for await (const packet of queue) packets.push(packet);
  for (const { data } of packets) {
    Buffer.from(data.buffer, data.byteOffset - OUTPUT_HEADROOM, OUTPUT_HEADROOM).fill('x');
  }
  assert.deepEqual(
    packets.map(({ data }) => data.toString()),
    ['first', 'second', 'third'],
  );
});

test('a packet queue pauses its source when its reader is slow, and resumes it later', async () => {
  const queue = new PacketQueue(PACKET_BYTES);
  let resumes = 0;
  queue.setSource({ resume: () => void resumes++, destroy: () => undefined });
  const text = 'x'.repeat(8000);
  let count = 1;
  while (receive(queue, 2, text)) count++;
  assert.ok(count > 10 && count < 100, `paused after ${count} packets`);
  assert.equal(resumes, 0);
  const reader = queue[Symbol.asyncIterator]();
  for (let i = 0; i < count; i++) assert.equal((await reader.next()).done, false);
  assert.equal(resumes, 1);
});

test('a packet queue gives what is queued before it fails', async () => {
  const queue = new PacketQueue(PACKET_BYTES);
  receive(queue, 2, 'last words');
  queue.end(new Error('gone'));
  const reader = queue[Symbol.asyncIterator]();
  assert.equal((await reader.next()).done, false);
  await assert.rejects(reader.next(), { message: 'gone' });
});

test('a packet queue stops its source when its reader leaves early', async () => {
  const queue = new PacketQueue(PACKET_BYTES);
  let isDestroyed = false;
  queue.setSource({ resume: () => undefined, destroy: () => void (isDestroyed = true) });
  receive(queue, 2, 'one');
  for await (const _packet of queue) break;
  assert.equal(isDestroyed, true);
});
