import type { Readable } from 'node:stream';

/** A body that is small enough to be held as a whole; what `tooLarge` makes is thrown for a larger one. */
export async function readWhole(
  body: Readable,
  { maxBytes, tooLarge }: { readonly maxBytes: number; readonly tooLarge: () => Error },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Destroyed, the request would take along the connection that the refusal goes out by.
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    // a request yields buffers unless an encoding is set
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size);
}
