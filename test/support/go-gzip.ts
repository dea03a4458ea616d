import { crc32 } from 'node:zlib';
import { GoDeflate } from '#spec/gzip/go-deflate';

/** As Go's gzip.Writer, which Docker compresses layers with. */
export function goGzip(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from('1f8b08000000000000ff', 'hex')];
  const deflate = new GoDeflate(6, made => void parts.push(Buffer.from(made)));
  for (let at = 0; at < bytes.length; at += 32_768) deflate.write(bytes.subarray(at, at + 32_768));
  deflate.finish();
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(bytes), 0);
  trailer.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([...parts, trailer]);
}
