import { type Abortable, throwIfAborted } from '#base/abortable';
import type { Digest } from '#base/ids';
import type { ContentStore } from '#store/content-store';

/**
 * The blobs of an image, byte for byte, however they are kept: as they came, or (layers) as something they can be
 * rebuilt from. Whoever sends or saves an image reads them here, never from the content store, which may not have them.
 */
export interface LayerBlobs {
  /** Whether {@link open} can give it. */
  has(digest: Digest): boolean;

  /** Bytes of the blob itself, not of what is kept of it. @throws {EngineError} `notFound`. */
  size(digest: Digest): number;

  /**
   * The bytes, hashed on the way: the last step fails when they are not what they should be.
   *
   * @throws {EngineError} `notFound`, `dataLoss`, `cancelled`.
   */
  open(digest: Digest, options?: Abortable): AsyncGenerator<Buffer>;

  /** For whoever owned the last reference to it. Happy to find nothing. */
  remove(digest: Digest): Promise<void>;

  /** Makes what is kept take less, now instead of when the engine has nothing to do. @throws {EngineError} `cancelled`. */
  tidy(options?: Abortable): Promise<void>;

  /**
   * Removes half-written ones, and those that nobody owns; `rescue` may take such a one away before. Only for the start:
   * nothing may be writing.
   */
  sweep(isOwned: (digest: Digest) => boolean, rescue?: (digest: Digest) => void): void;
}

/** Blobs that are all kept as they came. */
export class StoredLayerBlobs implements LayerBlobs {
  readonly #content: ContentStore;

  constructor({ content }: { readonly content: ContentStore }) {
    this.#content = content;
  }

  has(digest: Digest): boolean {
    return this.#content.has(digest);
  }

  size(digest: Digest): number {
    return this.#content.size(digest);
  }

  async *open(digest: Digest, { signal }: Abortable = {}): AsyncGenerator<Buffer> {
    for await (const chunk of this.#content.stream(digest)) {
      throwIfAborted(signal);
      yield chunk;
    }
  }

  remove(digest: Digest): Promise<void> {
    return this.#content.remove(digest);
  }

  tidy(): Promise<void> {
    return Promise.resolve();
  }

  sweep(isOwned: (digest: Digest) => boolean, rescue?: (digest: Digest) => void): void {
    this.#content.sweep(isOwned, rescue);
  }
}
