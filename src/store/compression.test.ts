import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { detectCompression } from './compression.ts';

test('detectCompression() goes by the first bytes', () => {
  assert.equal(detectCompression(gzipSync('x')), 'gzip');
  assert.equal(detectCompression(zstdCompressSync('x')), 'zstd');
  assert.equal(detectCompression(Buffer.from('502a4d180400', 'hex')), 'zstd');
  assert.equal(detectCompression(Buffer.from('ustar')), 'none');
  assert.equal(detectCompression(Buffer.alloc(0)), 'none');
});

test('detectCompression() names what it recognises but cannot read', () => {
  assert.throws(() => detectCompression(Buffer.from('BZh9')), { kind: 'invalid', message: /bzip2/ });
  assert.throws(() => detectCompression(Buffer.from('fd377a585a00', 'hex')), {
    kind: 'invalid',
    message: /xz/,
  });
});
