import type { Readable } from 'node:stream';
import { EngineError } from '#base/errors';

/** A client that takes nothing for so long does not keep containers paused. */
const STALL_MS = 60_000;

/**
 * What `open` gives to read, while containers are paused: until it has been read, or its reader takes nothing any more.
 *
 * @param whilePaused runs work while they are
 */
export async function pausedStream(
  whilePaused: (work: () => Promise<void>) => Promise<void>,
  open: () => Promise<Readable>,
  { stallMs = STALL_MS }: { readonly stallMs?: number } = {},
): Promise<AsyncGenerator<Buffer>> {
  const opened = Promise.withResolvers<{ stream: Readable; stall: NodeJS.Timeout }>();
  const ended = whilePaused(async () => {
    const stream = await open();
    const closed = Promise.withResolvers<void>();
    stream.once('close', () => closed.resolve());
    stream.on('error', () => undefined); // it comes out of the reading
    const stall = setTimeout(() => stream.destroy(stalled(stallMs)), stallMs);
    try {
      opened.resolve({ stream, stall });
      await closed.promise;
    } finally {
      clearTimeout(stall);
    }
  });
  ended.catch(opened.reject); // before it is open; later the reading fails
  const { stream, stall } = await opened.promise;
  return read(stream, stall, ended);
}

async function* read(stream: Readable, stall: NodeJS.Timeout, ended: Promise<void>): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) {
      stall.refresh();
      yield chunk as Buffer; // no encoding is set
    }
  } finally {
    stream.destroy();
    await ended; // they go on before the last byte is told to be the last
  }
}

function stalled(stallMs: number): EngineError {
  return new EngineError(
    'deadline',
    `nothing was read for ${stallMs / 1000} s: containers are not kept paused any longer`,
  );
}
