import { createHash, type Hash } from 'node:crypto';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';

/** What grows from its start. */
export interface Growing {
  readonly availableBytes: number;
  /** @returns how many bytes were read. */
  read(into: Buffer, offset: number): Promise<number>;
}

const READ_BYTES = 512 * 1024;

/** The digest of a file that grows, made behind its growth: little is left to do when it has come to its end. */
export class GrowthHash {
  readonly #file: Growing;
  readonly #hash: Hash = createHash('sha256');
  #hashed = 0;
  #running: Promise<void> | undefined;

  constructor(file: Growing) {
    this.#file = file;
  }

  /** Reads on, unless it does already. What goes wrong is told by {@link digest}. */
  follow(): void {
    this.#running ??= this.#catchUp()
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Of all that is there. The last call. @throws {EngineError} `dataLoss` when the file has become shorter. */
  async digest(): Promise<Digest> {
    await this.#running;
    await this.#catchUp();
    return `sha256:${this.#hash.digest('hex')}`;
  }

  async #catchUp(): Promise<void> {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let known = this.#file.availableBytes; this.#hashed < known; known = this.#file.availableBytes) {
      const wanted = buffer.subarray(0, Math.min(READ_BYTES, known - this.#hashed));
      const bytes = await this.#file.read(wanted, this.#hashed);
      if (bytes === 0)
        throw new EngineError('dataLoss', 'a file that is being downloaded has become shorter');
      this.#hash.update(wanted.subarray(0, bytes));
      this.#hashed += bytes;
    }
  }
}
