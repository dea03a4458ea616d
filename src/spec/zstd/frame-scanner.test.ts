import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ZstdFrameScanner } from './frame-scanner.ts';

const MIB = 1024 * 1024;

/** Noise cannot be shortened, zeros are one block of one byte after another. */
function content(bytes: number): Buffer {
  const made = Buffer.alloc(bytes);
  for (let at = 0; at < bytes / 2; at += 1) made[at] = (at * 2_654_435_761) >>> 24;
  return made;
}

/** By zstd, which takes no larger window than it needs. */
function compressed(bytes: Buffer, { checksum }: { readonly checksum: 0 | 1 }): Buffer {
  return zstdCompressSync(bytes, {
    params: { [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_checksumFlag]: checksum },
  });
}

/** By hand: blocks as they are, and one of a byte many times. */
function withWindow(windowLog: number, bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from('28b52ffd00', 'hex'), Buffer.from([(windowLog - 10) << 3])];
  for (let at = 0; at < bytes.length; at += 1000)
    parts.push(blockHeader(bytes.subarray(at, at + 1000).length, 0), bytes.subarray(at, at + 1000));
  return Buffer.concat([...parts, blockHeader(5000, 1, 1), Buffer.from('z')]);
}

function blockHeader(size: number, type: number, last = 0): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | last, 0, 3);
  return header;
}

function skippable(bytes: number): Buffer {
  const made = Buffer.alloc(8 + bytes, 0xff);
  made.writeUInt32LE(0x184d2a5e, 0);
  made.writeUInt32LE(bytes, 4);
  return made;
}

/** Windows as they are told, of a stream that comes in pieces. */
function windows(stream: Buffer, piece: number): number[] {
  const scanner = new ZstdFrameScanner();
  const found: number[] = [];
  for (let at = 0; at < stream.length; at += piece) {
    const window = scanner.scan(stream.subarray(at, at + piece));
    if (window > 0) found.push(window);
  }
  return found;
}

test('windows of all frames are found, whatever is between them and however they come', () => {
  const stream = Buffer.concat([
    skippable(70_000),
    compressed(content(300_000), { checksum: 0 }),
    compressed(content(1000), { checksum: 1 }),
    skippable(0),
    withWindow(25, content(4500)),
    compressed(content(600_000), { checksum: 1 }),
    withWindow(23, Buffer.alloc(0)),
  ]);
  assert.equal(zstdDecompressSync(stream).length, 300_000 + 1000 + 4500 + 5000 + 600_000 + 5000);
  const expected = [MIB / 2, 1024, 32 * MIB, MIB, 8 * MIB];
  for (const piece of [1, 7, 1000]) assert.deepEqual(windows(stream, piece), expected, `by ${piece}`);
  assert.equal(new ZstdFrameScanner().scan(stream), 32 * MIB);
});

test('a frame of a single segment wants memory for its content', () => {
  for (const bytes of [1, 255, 256, 60_000, 70_000, 300_000]) {
    const stream = zstdCompressSync(content(bytes));
    assert.deepEqual(windows(Buffer.concat([stream, stream]), 3), [bytes, bytes]);
  }
});

test('an announced size of eight bytes counts', () => {
  const head = Buffer.from('28b52ffde0' + '0000000001000000', 'hex');
  assert.deepEqual(windows(head, 1), [2 ** 32]);
});

test('what is no zstd, or no more of it, says nothing', () => {
  assert.deepEqual(windows(Buffer.from('this is something else, whatever follows'), 5), []);
  const stream = Buffer.concat([
    withWindow(20, content(10)),
    Buffer.from('garbage'),
    withWindow(27, content(10)),
  ]);
  assert.deepEqual(windows(stream, 1), [MIB]);
});
