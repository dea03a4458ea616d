import { type Abortable, throwIfAborted } from '#base/abortable';
import { EngineError, isKind, messageOf } from '#base/errors';
import type { Digest } from '#base/ids';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import type { Snapshotter } from '#snapshot/snapshotter';
import type { ContentStore } from '#store/content-store';
import type { JailPool } from '#store/jail-pool';
import type { Leases } from '#store/leases';
import type { Image } from './image.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { ImageTable } from './image-table.ts';

export interface ImageCheckDeps {
  readonly table: ImageTable;
  readonly catalog: ImageCatalog;
  readonly content: ContentStore;
  readonly blobs: LayerBlobs;
  readonly snapshots: Snapshotter;
  readonly leases: Leases;
  readonly jail: Pick<JailPool, 'measure'>;
}

export interface ImageFinding {
  readonly kind: 'blob-missing' | 'blob-damaged' | 'blob-unowned' | 'layer-missing';
  readonly digest: Digest;
  /** IDs of the images that need it */
  readonly images: readonly Digest[];
  readonly detail: string;
  /** what was done about it; absent: nothing */
  readonly mended?: string;
}

export interface ImageCheckReport {
  readonly images: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly findings: readonly ImageFinding[];
}

export interface ImageCheckOptions extends Abortable {
  /** default: only look */
  readonly mends?: boolean;
}

interface Blob {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly images: Digest[];
}

/**
 * Looks whether everything that images need is there, and is what its digest says. What is damaged is dropped, so that the
 * next pull or load brings it again; what nobody needs is removed; a layer that is gone is made again from its blob.
 */
export class ImageChecker {
  readonly #deps: ImageCheckDeps;

  constructor(deps: ImageCheckDeps) {
    this.#deps = deps;
  }

  async check({ mends = false, signal }: ImageCheckOptions = {}): Promise<ImageCheckReport> {
    const images = this.#deps.catalog.list();
    const findings: ImageFinding[] = [];
    const blobs = blobsOf(images);
    let bytes = 0;
    for (const blob of blobs.values()) {
      throwIfAborted(signal);
      const { finding, size } = await this.#checkBlob(blob, mends, signal);
      bytes += size;
      if (finding) findings.push(finding);
    }
    for (const image of images) findings.push(...(await this.#checkLayers(image, mends, signal)));
    findings.push(...(await this.#checkUnowned(mends)));
    return { images: images.length, blobs: blobs.size, bytes, findings };
  }

  async #checkBlob(
    { digest, diffId, images }: Blob,
    mends: boolean,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly finding?: ImageFinding; readonly size: number }> {
    const { blobs } = this.#deps;
    if (!blobs.has(digest)) {
      return {
        finding: { kind: 'blob-missing', digest, images, detail: 'pull or load the image again' },
        size: 0,
      };
    }
    const size = blobs.size(digest);
    const problem = await this.#problemOf(digest, diffId, signal);
    if (problem === undefined) return { size };
    const finding = { kind: 'blob-damaged', digest, images, detail: problem } as const;
    if (!mends) return { finding, size };
    await blobs.remove(digest);
    return { finding: { ...finding, mended: 'dropped: the next pull or load brings it again' }, size };
  }

  /** What is wrong with a blob: hashed on a thread where it is a file, else while it is made again. */
  async #problemOf(
    digest: Digest,
    diffId: Digest,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const { content, jail, blobs } = this.#deps;
    const options = signal ? { signal } : {};
    try {
      if (content.has(digest)) {
        const facts = await jail.measure(content.path(digest), options);
        if (facts.blobDigest !== digest) return `its content has the digest ${facts.blobDigest}`;
        return facts.diffId === diffId ? undefined : `it contains ${facts.diffId} instead of ${diffId}`;
      }
      for await (const _ of blobs.open(digest, options));
      return undefined;
    } catch (error) {
      throwIfAborted(signal);
      if (isKind(error, 'invalid') || isKind(error, 'dataLoss')) return messageOf(error);
      throw error;
    }
  }

  async #checkLayers(image: Image, mends: boolean, signal: AbortSignal | undefined): Promise<ImageFinding[]> {
    const { snapshots, content } = this.#deps;
    const gone = image.layers.filter(({ chainId }) => !this.#isLayerThere(chainId));
    if (gone.length === 0) return [];
    let mended: string | undefined;
    const lowest = image.layers.findIndex(({ chainId }) => chainId === gone[0]?.chainId);
    // Those on it go as well, so all must be there to make them again.
    const canMend = image.layers.slice(lowest).every(({ blobDigest }) => content.has(blobDigest));
    if (mends && canMend) {
      try {
        for (const { chainId } of image.layers.slice(lowest).toReversed()) snapshots.remove(chainId);
        await this.#makeAgain(image, lowest, signal);
        mended = 'made again from its blob';
      } catch (error) {
        if (!isKind(error, 'conflict') && !isKind(error, 'notFound') && !isKind(error, 'dataLoss'))
          throw error;
      }
    }
    return gone.map(({ chainId }) => ({
      kind: 'layer-missing',
      digest: chainId,
      images: [image.id],
      detail: 'the files of the layer are gone; containers of the image cannot start',
      ...(mended === undefined ? {} : { mended }),
    }));
  }

  #isLayerThere(chainId: Digest): boolean {
    const { snapshots } = this.#deps;
    if (!snapshots.hasCommitted(chainId)) return false;
    try {
      return snapshots.layerDirectories(chainId).length > 0;
    } catch (error) {
      if (isKind(error, 'dataLoss') || isKind(error, 'notFound')) return false;
      throw error;
    }
  }

  async #makeAgain(image: Image, from: number, signal: AbortSignal | undefined): Promise<void> {
    const { snapshots, content } = this.#deps;
    for (const [index, { chainId, blobDigest, blobBytes }] of image.layers.entries()) {
      const diffId = image.diffIds[index];
      if (index < from || diffId === undefined) continue;
      if (!content.has(blobDigest)) throw new EngineError('dataLoss', `blob ${blobDigest} is gone too`);
      const blob = { digest: blobDigest, sizeBytes: blobBytes };
      const source = { archive: content.path(blobDigest), diffId, blob };
      await snapshots.ensureLayer(
        chainId,
        image.layers[index - 1]?.chainId,
        source,
        signal ? { signal } : {},
      );
    }
  }

  async #checkUnowned(mends: boolean): Promise<ImageFinding[]> {
    const { content, table, leases } = this.#deps;
    const findings: ImageFinding[] = [];
    for (const digest of content.list()) {
      if (table.ownsBlob(digest) || leases.isHeld(digest)) continue;
      if (mends) await content.remove(digest);
      const detail = 'no image needs it';
      findings.push({
        kind: 'blob-unowned',
        digest,
        images: [],
        detail,
        ...(mends ? { mended: 'removed' } : {}),
      });
    }
    return findings;
  }
}

function blobsOf(images: readonly Image[]): Map<Digest, Blob> {
  const blobs = new Map<Digest, Blob>();
  for (const { id, layers, diffIds } of images) {
    for (const [index, { blobDigest }] of layers.entries()) {
      const diffId = diffIds[index];
      if (diffId === undefined) continue;
      const known = blobs.get(blobDigest) ?? { digest: blobDigest, diffId, images: [] };
      known.images.push(id);
      blobs.set(blobDigest, known);
    }
  }
  return blobs;
}
