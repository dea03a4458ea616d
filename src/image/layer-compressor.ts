import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Abortable } from '#base/abortable';
import type { Digest } from '#base/ids';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import type { ContentStore } from '#store/content-store';
import { StagedFile } from './staged-file.ts';

/** As Docker: gzip's own default. */
const LEVEL = 6;
const CHUNK_BYTES = 256 * 1024;

/**
 * A layer that is kept as a plain tar, compressed for a registry. zlib works on threads of its own; the same layer always
 * gives the same bytes. Disposed, nothing is left of it.
 */
export async function compressLayer(
  digest: Digest,
  { blobs, content }: { readonly blobs: LayerBlobs; readonly content: ContentStore },
  { signal, onProgress = () => undefined }: Abortable & { readonly onProgress?: (readBytes: number) => void },
): Promise<StagedFile> {
  const writer = await content.writer();
  let readBytes = 0;
  async function* source(): AsyncGenerator<Buffer> {
    for await (const chunk of blobs.open(digest, signal ? { signal } : {})) {
      readBytes += chunk.length;
      onProgress(readBytes);
      yield chunk;
    }
  }
  try {
    await pipeline(
      source,
      createGzip({ level: LEVEL, chunkSize: CHUNK_BYTES }),
      async (compressed: AsyncIterable<Buffer>) => {
        for await (const chunk of compressed) await writer.write(chunk);
      },
      signal ? { signal } : {},
    );
    return await StagedFile.seal(writer);
  } catch (error) {
    await writer[Symbol.asyncDispose]();
    throw error;
  }
}
