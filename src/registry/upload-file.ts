import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Digest } from '#base/ids';
import { Appender } from '#store/appender';

/** There can be many uploads at once. */
const SIZES = { writeBytes: 256 * 1024, syncBytes: 16 * 1024 * 1024 };
const READ_BYTES = 1024 * 1024;

/**
 * What has come of a blob: a file that only grows. It is hashed while it comes; what an earlier life of the registry took is read
 * once, when the digest is asked for.
 */
export class UploadFile {
  readonly path: string;
  #size: number;
  /** of all that is in the file, when it is known */
  #hash: Hash | undefined;

  /** @param size of the file that is there */
  constructor({ path, size }: { readonly path: string; readonly size: number }) {
    this.path = path;
    this.#size = size;
    this.#hash = size === 0 ? createHash('sha256') : undefined;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Appends chunks. What came before a failure stays, and the file ends there.
   *
   * @param check is told the size to come, and may throw
   * @throws {EngineError} `unavailable` for a full disk; whatever `chunks` throw.
   */
  async append(chunks: AsyncIterable<Buffer>, check: (sizeBytes: number) => void): Promise<void> {
    await using handle = await open(this.path, 'a', 0o600);
    const writer = new Appender(handle, SIZES);
    try {
      for await (const chunk of chunks) {
        check(this.#size + chunk.length);
        this.#size += chunk.length;
        this.#hash?.update(chunk);
        await writer.write(chunk);
      }
    } finally {
      await this.#settle(handle, writer);
    }
  }

  /** Of all that came. */
  async digest(): Promise<Digest> {
    if (!this.#hash) {
      this.#hash = createHash('sha256');
      await using handle = await open(this.path, 'r');
      const stream = handle.createReadStream({ autoClose: false, highWaterMark: READ_BYTES });
      for await (const chunk of stream) this.#hash.update(chunk as Buffer); // no encoding is set
    }
    return `sha256:${this.#hash.copy().digest('hex')}`;
  }

  /** Says the truth about the file also when something could not be written. */
  async #settle(handle: FileHandle, writer: Appender): Promise<void> {
    try {
      await writer.end();
    } catch (error) {
      this.#size = (await handle.stat()).size;
      this.#hash = undefined;
      throw error;
    }
  }
}
