import type { Digest } from '#base/ids';
import type { Image } from '#image/image';

/** What layers of several images weigh: each is on disk once, and so is a blob that is kept beside what it unpacks to. */
export class SharedLayers {
  readonly #users = new Map<string, number>();
  readonly #sizes = new Map<string, number>();
  readonly #keptBytes: (blob: Digest) => number;
  readonly #kept = new Map<Digest, number>();

  /** @param keptBytes what a blob takes by itself; default: blobs are not counted */
  constructor(images: readonly Image[], keptBytes: (blob: Digest) => number = () => 0) {
    this.#keptBytes = keptBytes;
    for (const image of images) {
      for (const [part, size] of this.#partsOf(image)) {
        this.#users.set(part, (this.#users.get(part) ?? 0) + 1);
        this.#sizes.set(part, size);
      }
    }
  }

  /** Bytes of all layers and blobs, each counted once. */
  get totalBytes(): number {
    return sum(this.#sizes.values());
  }

  /** Bytes of the blobs among them. */
  get keptBytes(): number {
    return sum(this.#kept.values());
  }

  /** Bytes of its blobs that nobody else has. */
  ownBlobBytes({ layers }: Image): number {
    const blobs = new Set(layers.map(({ blobDigest }) => blobDigest));
    const own = [...blobs].filter(blob => this.#users.get(`blob ${blob}`) === 1);
    return sum(own.map(blob => this.#ownBytes(blob)));
  }

  /** Bytes of its layers that others have too. */
  sharedBytes({ layers }: Image): number {
    const shared = layers.filter(({ chainId }) => (this.#users.get(chainId) ?? 0) > 1);
    return sum(shared.map(({ sizeBytes }) => sizeBytes));
  }

  #partsOf({ layers }: Image): (readonly [part: string, size: number])[] {
    const blobs = new Set(layers.map(({ blobDigest }) => blobDigest));
    return [
      ...layers.map(({ chainId, sizeBytes }) => [chainId, sizeBytes] as const),
      ...[...blobs].map(blob => [`blob ${blob}`, this.#ownBytes(blob)] as const),
    ];
  }

  #ownBytes(blob: Digest): number {
    const known = this.#kept.get(blob) ?? this.#keptBytes(blob);
    this.#kept.set(blob, known);
    return known;
  }
}

function sum(sizes: Iterable<number>): number {
  let total = 0;
  for (const size of sizes) total += size;
  return total;
}
