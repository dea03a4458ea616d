import { createWriteStream } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Abortable } from '#base/abortable';
import { checkSpace, SpaceCheck } from './disk-space.ts';

/**
 * Writes an archive to a new file until it is unpacked: its client sets the pace of nothing else, and what does not come whole changes
 * nothing.
 *
 * @throws {EngineError} `unavailable` when the disk would be full.
 */
export async function spoolArchive(path: string, archive: Readable, { signal }: Abortable): Promise<void> {
  const folder = dirname(path);
  const space = new SpaceCheck(() => checkSpace(folder));
  async function* checked(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      space.passed(chunk.length);
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
