import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKind } from '#base/errors';
import { indexOf, tarOf } from './fuzz-index.ts';
import { type ImageBytes, renameOpaqueMarks } from './opaque-marks.ts';

const TRUSTED = Buffer.from('\x0e\x04\x01\x00overlay.opaque', 'latin1');
const USER = Buffer.from('\x0e\x01\x01\x00overlay.opaque', 'latin1');
/** the checksum, and the filter of names */
const COMPAT_PLACE = 1024 + 8;

/** A directory of one block, of several, and one in another; three of them are opaque. */
const tar = tarOf([
  { path: 'd/', type: 'directory' },
  { path: 'd/.wh..wh..opq' },
  ...Array.from({ length: 200 }, (_, index) => ({ path: `d/file-${index}` })),
  { path: 'd/e/', type: 'directory', xattrs: new Map([['user.overlay.x', Buffer.from('dropped')]]) },
  { path: 'd/e/.wh..wh..opq' },
  { path: 'f/.wh..wh..opq' },
  { path: 'g/', type: 'directory', xattrs: new Map([['user.name', Buffer.from('overlay.opaque')]]) },
]);

function imageOf(bytes: Buffer): ImageBytes {
  return {
    read: (offset, length) => Buffer.from(bytes.subarray(offset, offset + length)),
    write: (offset, written) => void written.copy(bytes, offset),
  };
}

function count(bytes: Buffer, what: Buffer): number {
  let found = 0;
  for (let at = bytes.indexOf(what); at >= 0; at = bytes.indexOf(what, at + 1)) found += 1;
  return found;
}

test('renameOpaqueMarks() shows opaque directories to everybody, and takes that back', () => {
  const { bytes } = indexOf(tar);
  const before = Buffer.from(bytes);
  assert.deepEqual([count(bytes, TRUSTED), count(bytes, USER)], [3, 0]);
  assert.equal(renameOpaqueMarks(imageOf(bytes), { from: 'trusted', to: 'user' }), 3);
  assert.deepEqual([count(bytes, TRUSTED), count(bytes, USER)], [0, 3]);
  assert.equal(renameOpaqueMarks(imageOf(bytes), { from: 'user', to: 'trusted' }), 3);
  assert.deepEqual(bytes, before);
});

test('renameOpaqueMarks() takes away what would tell the kernel otherwise, and refuses what it does not know', () => {
  const { bytes } = indexOf(tar);
  bytes.writeUInt32LE(0x7, COMPAT_PLACE);
  renameOpaqueMarks(imageOf(bytes), { from: 'trusted', to: 'user' });
  assert.equal(bytes.readUInt32LE(COMPAT_PLACE), 0x2);
  bytes.writeUInt32LE(0x80, 1024 + 80);
  assert.throws(() => renameOpaqueMarks(imageOf(bytes), { from: 'user', to: 'trusted' }), {
    kind: 'invalid',
  });
  assert.throws(() => renameOpaqueMarks(imageOf(Buffer.alloc(5000)), { from: 'user', to: 'trusted' }), {
    kind: 'invalid',
    message: /something else/,
  });
});

test('renameOpaqueMarks() ends with whatever image, and writes one byte at a time', () => {
  const { bytes } = indexOf(tar);
  let [refused, state] = [0, 7];
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 2000; round += 1) {
    const broken = Buffer.from(bytes.subarray(0, random(10) === 0 ? random(bytes.length) : bytes.length));
    for (let change = 0; change < 4 && broken.length > 1024; change += 1)
      broken[1024 + random(broken.length - 1024)] = random(256);
    const image = imageOf(broken);
    const write = (offset: number, written: Buffer): void => {
      assert.ok(written.length === 1 || offset === COMPAT_PLACE);
      image.write(offset, written);
    };
    try {
      renameOpaqueMarks({ ...image, write }, { from: 'trusted', to: 'user' });
    } catch (error) {
      assert.ok(isKind(error, 'invalid'), String(error));
      refused += 1;
    }
  }
  assert.ok(refused > 100 && refused < 2000, `${refused} of 2000`);
});
