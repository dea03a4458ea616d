import type { Digest } from '#base/ids';
import type { ContentWriter } from '#store/content-store';
import type { StagedBlob } from './image-adder.ts';

/** A blob that was written and hashed; disposed without {@link publish}, nothing is left of it. */
export class StagedFile implements StagedBlob, AsyncDisposable {
  readonly #writer: ContentWriter;
  readonly digest: Digest;

  private constructor(writer: ContentWriter, digest: Digest) {
    this.#writer = writer;
    this.digest = digest;
  }

  static async seal(writer: ContentWriter): Promise<StagedFile> {
    return new StagedFile(writer, await writer.seal());
  }

  get sizeBytes(): number {
    return this.#writer.size;
  }

  get path(): string {
    return this.#writer.path;
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  async publish(): Promise<void> {
    await this.#writer.commit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
  }
}
