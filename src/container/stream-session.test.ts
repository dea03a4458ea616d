import assert from 'node:assert/strict';
import { type Duplex, duplexPair, PassThrough } from 'node:stream';
import { test } from 'node:test';
import { type AttachedStreams, OUTPUT_HEADROOM, type OutputPacket } from '#runtime/process-runtime';
import { parseDetachKeys } from './detach-keys.ts';
import { runStreamSession } from './stream-session.ts';

const all = { stdin: true, stdout: true, stderr: true, detachKeys: parseDetachKeys('') };

/** A process whose output is given, and whose input is kept; it ends when its input ends. */
function fakeStreams(packets: readonly OutputPacket[], { waitsForInput = false } = {}) {
  const input = new PassThrough();
  const received: Buffer[] = [];
  const inputEnded = Promise.withResolvers<void>();
  input.on('data', (chunk: Buffer) => received.push(chunk)).on('end', inputEnded.resolve);
  async function* output(): AsyncGenerator<OutputPacket> {
    yield* packets;
    if (waitsForInput) await inputEnded.promise;
  }
  let isDisposed = false;
  const streams: AttachedStreams = {
    output: output(),
    input,
    [Symbol.dispose]: () => void (isDisposed = true),
  };
  return { streams, received: () => Buffer.concat(received).toString(), isDisposed: () => isDisposed };
}

/** Bytes with the headroom that packets have. */
function packet(text: string): Buffer {
  return Buffer.concat([Buffer.alloc(OUTPUT_HEADROOM), Buffer.from(text)]).subarray(OUTPUT_HEADROOM);
}

function connectionPair(): { client: Duplex; server: Duplex } {
  const [client, server] = duplexPair();
  return { client, server };
}

async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('a session frames each stream, and ends when the output ends', async () => {
  const { streams, isDisposed } = fakeStreams([
    { stream: 'stdout', data: packet('out') },
    { stream: 'stderr', data: packet('er') },
  ]);
  const { client, server } = connectionPair();
  const read = readAll(client);
  assert.equal(await runStreamSession(streams, server, { ...all, isRaw: false }), 'ended');
  assert.deepEqual(
    [...(await read)],
    [1, 0, 0, 0, 0, 0, 0, 3, 111, 117, 116, 2, 0, 0, 0, 0, 0, 0, 2, 101, 114],
  );
  assert.equal(isDisposed(), true);
});

test('a session leaves out the streams that were not asked for', async () => {
  const { streams } = fakeStreams([
    { stream: 'stdout', data: packet('out') },
    { stream: 'stderr', data: packet('er') },
  ]);
  const { client, server } = connectionPair();
  const read = readAll(client);
  await runStreamSession(streams, server, { ...all, stderr: false, isRaw: true });
  assert.equal((await read).toString(), 'out');
});

test('a session passes input and its end to the process', async () => {
  const { streams, received } = fakeStreams([], { waitsForInput: true });
  const { client, server } = connectionPair();
  client.resume();
  client.end('typed');
  assert.equal(await runStreamSession(streams, server, { ...all, isRaw: false }), 'ended');
  assert.equal(received(), 'typed');
});

test('a session on a terminal ends at the detach keys, and keeps them from the process', async () => {
  const { streams, received } = fakeStreams([], { waitsForInput: true });
  const { client, server } = connectionPair();
  client.resume();
  client.write('ls\n\x10\x11');
  assert.equal(await runStreamSession(streams, server, { ...all, isRaw: true }), 'detached');
  assert.equal(received(), 'ls\n');
});

test('a session ends when the client leaves', async () => {
  const { streams, isDisposed } = fakeStreams([], { waitsForInput: true });
  const { server } = connectionPair();
  const session = runStreamSession(streams, server, { ...all, stdin: false, isRaw: true });
  server.destroy();
  assert.equal(await session, 'left');
  assert.equal(isDisposed(), true);
});
