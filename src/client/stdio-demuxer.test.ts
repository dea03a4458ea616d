import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StdioDemuxer } from './stdio-demuxer.ts';

function frame(type: number, text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

function pushAll(chunks: readonly Uint8Array[]): [string, string][] {
  const demuxer = new StdioDemuxer();
  return chunks.flatMap(chunk =>
    demuxer
      .push(Uint8Array.from(chunk))
      .map(({ stream, bytes }): [string, string] => [stream, Buffer.from(bytes).toString()]),
  );
}

test('push() joins neighbouring frames of one stream into one piece', () => {
  const chunk = Buffer.concat([frame(1, 'a\n'), frame(1, 'bc\n'), frame(2, 'oops\n'), frame(1, 'd')]);
  assert.deepEqual(pushAll([chunk]), [
    ['stdout', 'a\nbc\n'],
    ['stderr', 'oops\n'],
    ['stdout', 'd'],
  ]);
});

test('push() finds the same output wherever the stream is cut', () => {
  const whole = Buffer.concat([frame(1, 'first'), frame(2, ''), frame(2, 'second'), frame(0, 'third')]);
  for (let size = 1; size <= whole.length; size++) {
    const chunks = [];
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
    const pieces = pushAll(chunks);
    const of = (stream: string): string =>
      pieces
        .filter(([name]) => name === stream)
        .map(([, text]) => text)
        .join('');
    assert.deepEqual([of('stdout'), of('stderr')], ['firstthird', 'second'], `cut every ${size} bytes`);
  }
});

test('push() throws what the engine says in a frame of its own', () => {
  assert.throws(() => pushAll([frame(3, 'disk is full')]), {
    message: 'error from daemon in stream: disk is full',
  });
});

test('push() refuses bytes that are no frames', () => {
  assert.throws(() => pushAll([Buffer.from('plain text')]), { message: 'unrecognized stream: 112' });
});
