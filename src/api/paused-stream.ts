import type { Readable } from 'node:stream';
import { EngineError } from '#base/errors';

/** A client that takes nothing for so long does not keep containers paused. */
const STALL_MS = 60_000;
/** Nor does one that has, that long after the beginning, taken less than this for each second. */
const SLOWEST_BYTES = 1024 * 1024;

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
  const opened = Promise.withResolvers<{ stream: Readable; pace: Pace }>();
  const ended = whilePaused(async () => {
    const stream = await open();
    const closed = Promise.withResolvers<void>();
    stream.once('close', () => closed.resolve());
    stream.on('error', () => undefined); // it comes out of the reading
    using pace = new Pace(stallMs, reason => stream.destroy(reason));
    opened.resolve({ stream, pace });
    await closed.promise;
  });
  ended.catch(opened.reject); // before it is open; later the reading fails
  const { stream, pace } = await opened.promise;
  return read(stream, pace, ended);
}

async function* read(stream: Readable, pace: Pace, ended: Promise<void>): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) {
      const bytes = chunk as Buffer; // no encoding is set
      pace.took(bytes.length);
      yield bytes;
    }
  } finally {
    stream.destroy();
    await ended; // they go on before the last byte is told to be the last
  }
}

/** Whether somebody reads fast enough for containers to be kept paused meanwhile. */
class Pace implements Disposable {
  readonly #stallMs: number;
  readonly #onSlow: (reason: EngineError) => void;
  readonly #begun = Date.now();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stallMs: number, onSlow: (reason: EngineError) => void) {
    this.#stallMs = stallMs;
    this.#onSlow = onSlow;
    this.took(0);
  }

  took(bytes: number): void {
    this.#bytes += bytes;
    const allowedMs = this.#stallMs + (this.#bytes / SLOWEST_BYTES) * 1000;
    const leftMs = this.#begun + allowedMs - Date.now();
    clearTimeout(this.#timer);
    if (leftMs < this.#stallMs) this.#timer = setTimeout(() => this.#onSlow(slow()), Math.max(0, leftMs));
    else this.#timer = setTimeout(() => this.#onSlow(stalled(this.#stallMs)), this.#stallMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

function stalled(stallMs: number): EngineError {
  return new EngineError(
    'deadline',
    `nothing was read for ${stallMs / 1000} s: containers are not kept paused any longer`,
  );
}

function slow(): EngineError {
  return new EngineError(
    'deadline',
    'the archive is read too slowly (less than 1 MiB/s) for containers to be kept paused: clone the volume with --pause, and export the clone',
  );
}
