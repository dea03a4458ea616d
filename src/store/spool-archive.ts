import { createWriteStream } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';

const RESERVE_BYTES = 64 * 1024 * 1024;
const CHECK_BYTES = 64 * 1024 * 1024;

/**
 * Writes an archive to a new file until it is unpacked: its client sets the pace of nothing else, and what does not come whole changes
 * nothing.
 *
 * @throws {EngineError} `unavailable` when the disk would be full.
 */
export async function spoolArchive(path: string, archive: Readable, { signal }: Abortable): Promise<void> {
  const folder = dirname(path);
  let unchecked = CHECK_BYTES;
  async function* checked(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      unchecked += chunk.length;
      if (unchecked >= CHECK_BYTES) {
        unchecked = 0;
        const { bavail, bsize } = await statfs(folder);
        if (bavail * bsize < RESERVE_BYTES) throw new EngineError('unavailable', 'no space left on device');
      }
      yield chunk;
    }
  }
  await pipeline(
    archive,
    checked,
    createWriteStream(path, { flags: 'wx', mode: 0o600 }),
    signal ? { signal } : {},
  );
}
