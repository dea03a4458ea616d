import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketDecoder, type WebSocketEvent } from './web-socket-decoder.ts';

const MASK = Buffer.from([1, 2, 3, 4]);

interface FrameOptions {
  readonly isFinal?: boolean;
  readonly isMasked?: boolean;
  readonly reserved?: number;
}

/** A frame as a client sends it; `claimed` is the length the head tells. */
function frame(opcode: number, payload: Buffer, options: FrameOptions = {}): Buffer {
  const { isFinal = true, isMasked = true, reserved = 0 } = options;
  const length = payload.length;
  const size =
    length < 126 ? Buffer.from([length]) : length < 65_536 ? Buffer.from([126, 0, 0]) : Buffer.alloc(9, 0);
  if (size.length === 3) size.writeUInt16BE(length, 1);
  if (size.length === 9) {
    size[0] = 127;
    size.writeBigUInt64BE(BigInt(length), 1);
  }
  size[0] = (size[0] ?? 0) | (isMasked ? 0x80 : 0);
  const masked = isMasked ? payload.map((byte, index) => byte ^ (MASK[index % 4] ?? 0)) : payload;
  return Buffer.concat([
    Buffer.from([(isFinal ? 0x80 : 0) | reserved | opcode]),
    size,
    ...(isMasked ? [MASK] : []),
    masked,
  ]);
}

function decode(chunks: readonly Buffer[]): WebSocketEvent[] {
  const decoder = new WebSocketDecoder();
  return chunks.flatMap(chunk => [...decoder.push(chunk)]);
}

function dataOf(events: readonly WebSocketEvent[]): Buffer {
  return Buffer.concat(events.flatMap(event => (event.type === 'data' ? [event.data] : [])));
}

for (const length of [0, 1, 125, 126, 65_535, 65_536, 200_000]) {
  test(`push() decodes a message of ${length} bytes, in one piece and byte by byte`, () => {
    const payload = Buffer.alloc(length, 'abcdefg');
    const bytes = frame(2, payload);
    assert.ok(dataOf(decode([bytes])).equals(payload));
    const pieces = length > 1000 ? chop(bytes, 777) : chop(bytes, 1);
    assert.ok(dataOf(decode(pieces)).equals(payload));
  });
}

test('push() hands on fragments, with control frames between them', () => {
  const events = decode([
    Buffer.concat([
      frame(1, Buffer.from('one '), { isFinal: false }),
      frame(9, Buffer.from('ping')),
      frame(0, Buffer.from('two')),
      frame(10, Buffer.alloc(0)),
      frame(8, Buffer.from([3, 232])),
    ]),
  ]);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['data', 'ping', 'data', 'pong', 'close'],
  );
  assert.equal(dataOf(events).toString(), 'one two');
});

test('push() holds nothing back of a frame that claims to be huge', () => {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0xff;
  head.writeBigUInt64BE(2n ** 63n - 1n, 2);
  assert.equal(dataOf(decode([head, Buffer.from('abc')])).length, 3);
});

const BROKEN: readonly [what: string, bytes: Buffer][] = [
  ['an unmasked frame', frame(2, Buffer.from('x'), { isMasked: false })],
  ['reserved bits', frame(2, Buffer.from('x'), { reserved: 0x40 })],
  ['an unknown opcode', frame(3, Buffer.from('x'))],
  ['an unknown control opcode', frame(11, Buffer.alloc(0))],
  ['a long control frame', frame(9, Buffer.alloc(126))],
  ['a fragmented control frame', frame(9, Buffer.alloc(1), { isFinal: false })],
];

for (const [what, bytes] of BROKEN) {
  test(`push() refuses ${what}`, () => {
    assert.throws(() => decode([bytes]), RangeError);
  });
}

function chop(bytes: Buffer, size: number): Buffer[] {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
