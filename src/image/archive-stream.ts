import { pipeline, type Readable } from 'node:stream';
import { codeOf, EngineError, messageOf } from '#base/errors';
import { createDecompressor, detectCompression, MAGIC_BYTES } from '#store/compression';

/** The tar inside a stream, which tells by its first bytes how it is compressed. */
export async function* decompressed(archive: Readable): AsyncGenerator<Buffer> {
  const input = archive[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  let length = 0;
  while (length < MAGIC_BYTES) {
    const { value, done } = await input.next();
    if (done) break;
    head.push(value as Buffer); // no encoding is set: buffers
    length += head.at(-1)?.length ?? 0;
  }
  const compression = detectCompression(Buffer.concat(head));
  const whole = chain(head, input);
  if (compression === 'none') return yield* whole;
  // The error comes out of the iteration; pipeline() only has to pass it on.
  const inflated = pipeline(whole, createDecompressor(compression), () => undefined);
  try {
    for await (const chunk of inflated) yield chunk as Buffer; // no encoding is set
  } catch (error) {
    if (!/^(Z_|ZSTD_|ERR_ZLIB)/.test(codeOf(error) ?? '')) throw error;
    throw new EngineError('invalid', `cannot decompress the archive: ${messageOf(error)}`, { cause: error });
  }
}

async function* chain(head: readonly Buffer[], rest: AsyncIterator<unknown>): AsyncGenerator<Buffer> {
  yield* head;
  for (;;) {
    const { value, done } = await rest.next();
    if (done) return;
    yield value as Buffer; // no encoding is set
  }
}
