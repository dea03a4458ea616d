import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

export interface SentContextOptions {
  readonly isCompressed: boolean;
  /** Called once all of it is on its way. */
  readonly onEnd: (bytes: number) => void;
}

/** The context on its way to the engine: how much of it is sent, and what went wrong on this side. */
export class SentContext {
  readonly body: Readable | undefined;
  readonly #onEnd: SentContextOptions['onEnd'];
  #bytes = 0;
  #isOver = false;
  #failure: unknown;

  constructor(source: AsyncIterable<Buffer> | undefined, { isCompressed, onEnd }: SentContextOptions) {
    this.#onEnd = onEnd;
    this.body =
      source &&
      Readable.from(this.#counted(isCompressed ? compressed(source) : source), { objectMode: false });
    // A failure is told by whoever waits for the answer.
    this.body?.on('error', () => undefined);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The reason why it was not sent as a whole; the engine only sees that it ends too early. */
  get failure(): unknown {
    return this.#failure;
  }

  async *#counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of chunks) {
        this.#bytes += chunk.length;
        yield chunk;
      }
      this.#isOver = true;
      this.#onEnd(this.#bytes);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}

async function* compressed(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gzip = createGzip();
  const done = pipeline(source, gzip);
  done.catch(() => undefined); // thrown below
  yield* gzip as AsyncIterable<Buffer>; // no encoding is set: buffers
  await done;
}
