import type { FileHandle } from 'node:fs/promises';
import { EngineError } from '#base/errors';
import type { ByteRange } from './byte-range.ts';

const READ_BYTES = 1024 * 1024;

/** A part of an open file, one piece read while the one before is sent. Closes the file. */
export async function* readFilePart(handle: FileHandle, { first, last }: ByteRange): AsyncGenerator<Buffer> {
  await using _ = handle;
  let ahead = readAt(handle, first, last);
  for (let position = first; position <= last; ) {
    const bytes = await ahead;
    if (bytes.length === 0) throw new EngineError('dataLoss', 'a blob is shorter than it should be');
    position += bytes.length;
    if (position <= last) {
      ahead = readAt(handle, position, last);
      ahead.catch(() => undefined); // told at the next turn, if there is one
    }
    yield bytes;
  }
}

async function readAt(handle: FileHandle, position: number, last: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, last - position + 1));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
  return buffer.subarray(0, bytesRead);
}
