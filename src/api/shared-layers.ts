import type { Image } from '#image/image';

/** What layers of several images weigh: each is on disk once. */
export class SharedLayers {
  readonly #users = new Map<string, number>();
  readonly #sizes = new Map<string, number>();

  constructor(images: readonly Image[]) {
    for (const { layers } of images) {
      for (const { chainId, sizeBytes } of layers) {
        this.#users.set(chainId, (this.#users.get(chainId) ?? 0) + 1);
        this.#sizes.set(chainId, sizeBytes);
      }
    }
  }

  /** Bytes of all layers, each counted once. */
  get totalBytes(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** Bytes of an image's layers that others have too. */
  sharedBytes({ layers }: Image): number {
    return layers
      .filter(({ chainId }) => (this.#users.get(chainId) ?? 0) > 1)
      .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
}
