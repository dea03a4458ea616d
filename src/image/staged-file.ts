import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type Abortable, orAborted } from '#base/abortable';
import { isKind } from '#base/errors';
import type { Digest } from '#base/ids';
import type { LayerDraft } from '#snapshot/snapshotter';
import type { ContentWriter } from '#store/content-store';
import type { StagedBlob } from './image-adder.ts';

const READ_BYTES = 256 * 1024;

/** A blob that was written and hashed; disposed without {@link publish}, nothing is left of it. */
export class StagedFile implements StagedBlob, AsyncDisposable {
  readonly #writer: ContentWriter;
  readonly draft?: LayerDraft;
  #digest: Digest | undefined;

  private constructor(writer: ContentWriter, digest: Digest | undefined, draft?: LayerDraft) {
    this.#writer = writer;
    this.#digest = digest;
    if (draft) this.draft = draft;
  }

  static async seal(writer: ContentWriter): Promise<StagedFile> {
    return new StagedFile(writer, await writer.seal());
  }

  /** One that is read as a layer: its digest is known when it is {@link settled}. */
  static async drafted(writer: ContentWriter, draft: LayerDraft): Promise<StagedFile> {
    await writer.end();
    return new StagedFile(writer, undefined, draft);
  }

  /** Waits until it is known what it is: a layer, or something else. @throws {EngineError} `unavailable`, `cancelled`. */
  async settled({ signal }: Abortable = {}): Promise<void> {
    if (this.#digest || !this.draft) return;
    try {
      const { blobDigest } = await orAborted(this.draft.facts(), signal);
      this.#digest = blobDigest;
    } catch (error) {
      if (isKind(error, 'unavailable', 'cancelled')) throw error;
      this.#digest = await digestOfFile(this.path, signal); // no layer: what is wrong with it is told when it is said to be one
    }
    this.#writer.isHashed(this.#digest);
  }

  get digest(): Digest {
    if (!this.#digest) throw new TypeError('it is not known yet what it is');
    return this.#digest;
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
    await this.draft?.[Symbol.asyncDispose]();
    await this.#writer[Symbol.asyncDispose]();
  }
}

async function digestOfFile(path: string, signal: AbortSignal | undefined): Promise<Digest> {
  const hash = createHash('sha256');
  const stream = createReadStream(path, { highWaterMark: READ_BYTES, ...(signal ? { signal } : {}) });
  for await (const bytes of stream) hash.update(bytes as Buffer); // no encoding is set
  return `sha256:${hash.digest('hex')}`;
}
