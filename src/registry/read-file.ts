import type { FileHandle } from 'node:fs/promises';
import { EngineError } from '#base/errors';
import type { ByteRange } from './byte-range.ts';

/** More than a socket takes before it says that it is full: that is what tells when a piece is out. */
const PIECE_BYTES = 256 * 1024;

/**
 * A part of an open file, one piece read while the one before is sent. Closes the file.
 *
 * Pieces take turns in two buffers: one is valid until the next but one is asked for. A stream that asks while it is full
 * would get what it holds overwritten; `pipeline` waits for it to be empty.
 */
export async function* readFilePart(handle: FileHandle, { first, last }: ByteRange): AsyncGenerator<Buffer> {
  await using _ = handle;
  const size = Math.min(PIECE_BYTES, last - first + 1);
  const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)] as const;
  let ahead = readAt(handle, buffers[0], { first, last });
  for (let [position, turn] = [first, 1]; position <= last; turn = 1 - turn) {
    const bytes = await ahead;
    if (bytes.length === 0) throw new EngineError('dataLoss', 'a blob is shorter than it should be');
    position += bytes.length;
    if (position <= last) {
      ahead = readAt(handle, buffers[turn === 0 ? 0 : 1], { first: position, last });
      ahead.catch(() => undefined); // told at the next turn, if there is one
    }
    yield bytes;
  }
}

/** All of it, or as much as the file has. */
async function readAt(handle: FileHandle, buffer: Buffer, { first, last }: ByteRange): Promise<Buffer> {
  const wanted = Math.min(buffer.length, last - first + 1);
  let size = 0;
  while (size < wanted) {
    const { bytesRead } = await handle.read(buffer, size, wanted - size, first + size);
    if (bytesRead === 0) break;
    size += bytesRead;
  }
  return buffer.subarray(0, size);
}
