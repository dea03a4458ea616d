import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { EngineError } from '#base/errors';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Bytes that {@link detectCompression} wants to see. */
export const MAGIC_BYTES = 6;
/** zlib's own 16 KiB halve its speed. */
const CHUNK_BYTES = 256 * 1024;

const UNSUPPORTED: readonly (readonly [name: string, magic: string])[] = [
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
];

/**
 * Tells by the first bytes of a stream how it is compressed.
 *
 * @throws {EngineError} `invalid` for a format that is recognised but not supported.
 */
export function detectCompression(start: Buffer): Compression {
  const magic = start.subarray(0, MAGIC_BYTES).toString('hex');
  if (magic.startsWith('1f8b')) return 'gzip';
  // A zstd frame, or a skippable one before it.
  if (magic.startsWith('28b52ffd') || /^5.2a4d18/.test(magic)) return 'zstd';
  for (const [name, prefix] of UNSUPPORTED) {
    if (magic.startsWith(prefix)) {
      throw new EngineError(
        'invalid',
        `archives compressed with ${name} are not supported: use gzip, zstd or none`,
      );
    }
  }
  return 'none';
}

export function createDecompressor(compression: Exclude<Compression, 'none'>): Transform {
  return compression === 'gzip'
    ? createGunzip({ chunkSize: CHUNK_BYTES })
    : createZstdDecompress({ chunkSize: CHUNK_BYTES });
}
