import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Transform } from 'node:stream';
import { threadId } from 'node:worker_threads';
import { codeOf, EngineError, messageOf } from '#base/errors';
import type { Digest } from '#base/ids';
import { ZstdFrameScanner } from '#spec/zstd/frame-scanner';
import { BufferTurnover } from '#sys/garbage';
import { type Compression, createDecompressor, detectCompression, MAGIC_BYTES } from './compression.ts';
import { GrowthReader } from './growing-file.ts';
import { LargeWindow } from './large-window.ts';

/** An archive for a thread to read: a tar, plain or compressed with gzip or zstd. */
export interface ArchiveInput {
  readonly path: string;
  /** `shared` of the {@link GrowingFile}, where it is still being written */
  readonly growth?: SharedArrayBuffer;
  /** What its bytes must be: more are not read, and others are refused once all have been. */
  readonly expected?: { readonly digest?: Digest; readonly sizeBytes?: number };
  /** The caller has checked the bytes against the digest: they are not hashed again. */
  readonly isVerified?: boolean;
  /** `shared` of the {@link LargeWindow} of all threads; absent: nobody else decompresses */
  readonly largeWindow?: SharedArrayBuffer;
}

/** What was in it. */
export interface ArchiveFacts {
  readonly compression: Compression;
  /** of the file as it is */
  readonly blobDigest: Digest;
  readonly blobBytes: number;
  /** of what it contains, decompressed: the same as the above when it is not compressed */
  readonly diffId: Digest;
  readonly tarBytes: number;
}

/** of all archives that this thread reads */
const turnover = new BufferTurnover();
const READ_BYTES = 256 * 1024;
/** What zstd's own levels want but for the highest. Several archives at a time may have as much. */
const SMALL_WINDOW_BYTES = 8 * 1024 * 1024;
/** More than deflate can (1032:1). What zstd can do beyond that is refused where it becomes large. */
const MAX_RATIO = 1100;
const ALWAYS_ALLOWED_BYTES = 4 * 1024 ** 3;

/**
 * Reads an archive once: hashes what is in the file, decompresses it, hashes that. The file is opened at construction,
 * so that inside a jail no path outside is needed.
 */
export class ArchiveSource implements AsyncDisposable {
  readonly #input: ArchiveInput;
  readonly #shouldStop: () => boolean;
  readonly #fd: number;
  readonly #growth: GrowthReader | undefined;
  readonly #blobHash: Hash | undefined;
  readonly #closed = new AbortController();
  #pumping: Promise<void> | undefined;
  #largeWindow: Disposable | undefined;
  #compression: Compression | undefined;
  #blobBytes = 0;
  #tarBytes = 0;
  #facts: ArchiveFacts | undefined;

  constructor(input: ArchiveInput, shouldStop: () => boolean) {
    this.#input = input;
    this.#shouldStop = () => this.#closed.signal.aborted || shouldStop();
    this.#fd = openSync(input.path, 'r');
    this.#growth = input.growth && new GrowthReader(input.growth);
    const isKnown = input.isVerified === true && input.expected?.digest !== undefined;
    this.#blobHash = isKnown ? undefined : createHash('sha256');
  }

  /** Known when the first chunk is there. */
  get compression(): Compression {
    if (this.#compression === undefined) throw new TypeError('nothing has been read yet');
    return this.#compression;
  }

  /** Once {@link chunks} has ended. */
  get facts(): ArchiveFacts {
    if (!this.#facts) throw new TypeError('the archive has not been read to its end');
    return this.#facts;
  }

  /**
   * The decompressed bytes. A chunk is valid until the next one is asked for.
   *
   * @throws {EngineError} `invalid` when they cannot be decompressed or are far too many, `dataLoss` when they are not what
   * was expected, `cancelled`, `unavailable` when the rest of a growing file does not come.
   */
  async *chunks(): AsyncGenerator<Buffer> {
    const compression = await this.#detect();
    this.#compression = compression;
    const diffHash = compression === 'none' ? undefined : createHash('sha256');
    for await (const chunk of compression === 'none'
      ? this.#raw(freshBuffer())
      : this.#inflated(compression)) {
      if (this.#shouldStop()) throw cancelled();
      diffHash?.update(chunk);
      this.#tarBytes += chunk.length;
      turnover.passed(chunk.length);
      this.#checkBomb();
      yield chunk;
    }
    const blobDigest = this.#verified();
    const diffId = diffHash ? digestOf(diffHash) : blobDigest;
    this.#facts = {
      compression,
      blobDigest,
      blobBytes: this.#blobBytes,
      diffId,
      tarBytes: this.#tarBytes,
    };
  }

  /** Waits until nothing uses the file any more: only then is nothing of this job left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#pumping;
    this.#largeWindow?.[Symbol.dispose]();
    closeSync(this.#fd);
  }

  async #detect(): Promise<Compression> {
    let available = await this.#available(0);
    while (available < MAGIC_BYTES) {
      const more = await this.#available(available);
      if (more <= available) break;
      available = more;
    }
    const start = Buffer.alloc(MAGIC_BYTES);
    return detectCompression(start.subarray(0, readSync(this.#fd, start, 0, MAGIC_BYTES, 0)));
  }

  /** Bytes from the start that are there, more than `known` unless that is all. */
  async #available(known: number): Promise<number> {
    return this.#growth ? await this.#growth.more(known, this.#shouldStop) : fstatSync(this.#fd).size;
  }

  /** Reads into `buffers` by turns: a chunk is valid until so many others have been asked for. */
  async *#raw(...buffers: readonly [Buffer, ...Buffer[]]): AsyncGenerator<Buffer> {
    const limit = this.#input.expected?.sizeBytes ?? Number.POSITIVE_INFINITY;
    for (let turn = 0; ; ) {
      const available = await this.#available(this.#blobBytes);
      if (available <= this.#blobBytes) return;
      while (this.#blobBytes < available) {
        const buffer = buffers[turn % buffers.length] ?? buffers[0];
        turn += 1;
        const wanted = Math.min(buffer.length, available - this.#blobBytes);
        const length = readSync(this.#fd, buffer, 0, wanted, this.#blobBytes);
        if (length === 0) throw new EngineError('dataLoss', 'the archive became shorter while it was read');
        this.#blobBytes += length;
        if (this.#blobBytes > limit) throw wrongSize(this.#input, this.#blobBytes);
        const bytes = buffer.subarray(0, length);
        this.#blobHash?.update(bytes);
        yield bytes;
      }
    }
  }

  /** zlib works on a thread of its own, while this one hashes and writes what came before. */
  async *#inflated(compression: Exclude<Compression, 'none'>): AsyncGenerator<Buffer> {
    const decompressor = createDecompressor(compression);
    this.#closed.signal.addEventListener('abort', () => decompressor.destroy());
    const frames = compression === 'zstd' ? new ZstdFrameScanner() : undefined;
    this.#pumping = this.#feed(decompressor, frames).catch((error: unknown) => {
      decompressor.destroy(error instanceof Error ? error : new Error(String(error)));
    });
    try {
      for await (const chunk of decompressor) yield chunk as Buffer; // no encoding is set: buffers
    } catch (error) {
      // What zlib throws is about the archive.
      if (!/^(Z_|ZSTD_|ERR_ZLIB|ERR_STREAM_PREMATURE)/.test(codeOf(error) ?? '')) throw error;
      throw new EngineError('invalid', `cannot decompress the archive: ${messageOf(error)}`, {
        cause: error,
      });
    }
    await this.#pumping; // zeros may follow: the file ends there, not before
  }

  /** Two pieces are on their way at a time: a buffer is filled again when the decompressor has done with it. */
  async #feed(decompressor: Transform, frames: ZstdFrameScanner | undefined): Promise<void> {
    const over = Promise.withResolvers<void>();
    decompressor.once('end', over.resolve).once('close', over.resolve);
    let before: Promise<void> = Promise.resolve();
    for await (const bytes of this.#raw(freshBuffer(), freshBuffer())) {
      if (decompressor.readableEnded) continue;
      if (decompressor.destroyed) return;
      if ((frames?.scan(bytes) ?? 0) > SMALL_WINDOW_BYTES) await this.#takeLargeWindow();
      const taken = Promise.withResolvers<void>();
      decompressor.write(bytes, () => taken.resolve()); // what went wrong comes out of the iteration
      await Promise.race([before, over.promise]); // after a failure nobody calls back
      before = taken.promise;
    }
    decompressor.end();
  }

  /** Whoever has it waits for nothing but itself: what still comes is awaited before. */
  async #takeLargeWindow(): Promise<void> {
    const { largeWindow } = this.#input;
    if (this.#largeWindow || !largeWindow) return;
    await this.#growth?.whole(this.#shouldStop);
    this.#largeWindow = await new LargeWindow(largeWindow).take(threadId + 1, this.#shouldStop);
  }

  #checkBomb(): void {
    if (this.#tarBytes <= Math.max(ALWAYS_ALLOWED_BYTES, this.#blobBytes * MAX_RATIO)) return;
    throw new EngineError(
      'invalid',
      `the archive of ${this.#blobBytes} bytes contains more than ${this.#tarBytes - 1}: refused as a decompression bomb`,
    );
  }

  /** Digest of the file, checked as far as anything was expected. */
  #verified(): Digest {
    const { expected } = this.#input;
    if (expected?.sizeBytes !== undefined && expected.sizeBytes !== this.#blobBytes) {
      throw wrongSize(this.#input, this.#blobBytes);
    }
    if (!this.#blobHash) return expected?.digest ?? neverKnown();
    const actual = digestOf(this.#blobHash);
    if (expected?.digest !== undefined && expected.digest !== actual) {
      throw new EngineError('dataLoss', `expected ${expected.digest}, got ${actual}`);
    }
    return actual;
  }
}

function wrongSize({ expected }: ArchiveInput, actual: number): EngineError {
  return new EngineError(
    'dataLoss',
    `expected ${expected?.sizeBytes} bytes of ${expected?.digest ?? 'the archive'}, got ${actual} or more`,
  );
}

function freshBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(READ_BYTES);
}

function digestOf(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`;
}

function cancelled(): EngineError {
  return new EngineError('cancelled', 'the operation was cancelled');
}

function neverKnown(): never {
  throw new TypeError('without a digest to expect the file is hashed');
}
