import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { Unframe } from './unframe.ts';

function frame(stream: number, content: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(content.length, 4);
  return Buffer.concat([head, Buffer.from(content)]);
}

test('Unframe lets through what frames hold, however they are cut', async () => {
  const bytes = Buffer.concat([frame(1, 'one '), frame(2, 'two '), frame(1, ''), frame(1, 'three')]);
  for (const size of [1, 3, 8, 11, bytes.length]) {
    const pieces = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    assert.equal(
      await text(Readable.from(pieces).pipe(new Unframe())),
      'one two three',
      `in pieces of ${size}`,
    );
  }
});
