import type { Readable } from 'node:stream';
import type { EventSink } from '#base/engine-event';
import { EngineError } from '#base/errors';
import { type Digest, digestOf } from '#base/ids';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import type { Snapshotter } from '#snapshot/snapshotter';
import { chainIds } from '#spec/oci/chain-id';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { familiarReference, type Reference } from '#spec/reference';
import { TAR_END } from '#spec/tar/tar-writer';
import type { ContentStore } from '#store/content-store';
import type { Leases } from '#store/leases';
import type { Image } from './image.ts';
import { emitImageEvent } from './image-events.ts';
import type { ImageGarbage } from './image-garbage.ts';
import { stageLayer } from './image-import.ts';
import type { ImageIntake } from './image-intake.ts';
import type { ImageTable, LayerRecord } from './image-table.ts';
import { keptLayer } from './kept-layer.ts';

export interface LayerBuilderDeps {
  readonly table: ImageTable;
  readonly intake: ImageIntake;
  readonly garbage: ImageGarbage;
  readonly leases: Leases;
  readonly content: ContentStore;
  readonly blobs: Pick<LayerBlobs, 'has'>;
  readonly snapshots: Snapshotter;
  readonly events: EventSink;
}

/** What an image is made of that somebody puts together layer by layer. */
export interface BuiltImage {
  /** the configuration, whose `rootfs` has the digests of the layers */
  readonly config: Buffer;
  readonly layers: readonly LayerRecord[];
  readonly tags: readonly Reference[];
}

/** Layers that are no image's yet, and images of such layers. */
export class LayerBuilder {
  readonly #deps: LayerBuilderDeps;

  constructor(deps: LayerBuilderDeps) {
    this.#deps = deps;
  }

  /** Layers of an image, and the bytes of its configuration. */
  find(id: Digest): { readonly config: Buffer; readonly layers: readonly LayerRecord[] } | undefined {
    return this.#deps.table.find(id);
  }

  /** Whether all of a layer is here. */
  hasLayer({ chainId, blobDigest }: LayerRecord): boolean {
    return this.#deps.snapshots.hasCommitted(chainId) && this.#deps.blobs.has(blobDigest);
  }

  /** Whether an image has it. */
  isOwned({ chainId }: LayerRecord): boolean {
    return this.#deps.table.ownsChain(chainId);
  }

  /** Keeps a layer and its blob, though no image has them, until the result is disposed. */
  hold(layers: readonly LayerRecord[]): Disposable {
    return this.#deps.leases.hold(layers.flatMap(({ chainId, blobDigest }) => [chainId, blobDigest]));
  }

  /**
   * Takes a layer in. It stays as long as `holder` holds it, or whoever holds it by then.
   *
   * @param below what it lies on, lowest first
   * @returns `undefined` when there is nothing in it: then there is no layer.
   */
  async add(
    tar: Readable,
    below: readonly LayerRecord[],
    { holder, signal, label }: { holder: DisposableStack; signal: AbortSignal; label: string },
  ): Promise<LayerRecord | undefined> {
    const { content, snapshots, leases } = this.#deps;
    await using parts = new AsyncDisposableStack();
    const { layer } = await stageLayer(tar, content, signal, parts);
    const { digest: diffId, sizeBytes: blobBytes } = layer;
    if (blobBytes <= TAR_END.length) return undefined;
    const chainId = chainIds([...below.map(each => each.diffId), diffId]).at(-1) ?? diffId;
    holder.use(leases.hold([chainId, diffId]));
    const taken = await snapshots.ensureLayer(
      chainId,
      below.at(-1)?.chainId,
      {
        archive: layer.path,
        diffId,
        blob: { digest: diffId, sizeBytes: blobBytes },
        isVerified: true,
        label,
      },
      { signal },
    );
    await layer.publish();
    const sizeBytes = taken?.sizeBytes ?? (await snapshots.usage(chainId)).sizeBytes;
    return { diffId, chainId, sizeBytes, blobDigest: diffId, blobBytes, mediaType: MEDIA_TYPES.dockerLayer };
  }

  /** An image of layers that are here and held. @throws {EngineError} `dataLoss` when one is not. */
  async assemble({ config, layers, tags }: BuiltImage, signal: AbortSignal): Promise<Image> {
    const lost = layers.find(layer => !this.hasLayer(layer));
    if (lost) throw new EngineError('dataLoss', `layer ${lost.diffId} is gone`);
    const image = {
      config: { bytes: config, digest: digestOf(config) },
      layers: layers.map(keptLayer),
    };
    const { image: made } = await this.#deps.intake.take({ images: [image], tags }, signal);
    emitImageEvent(this.#deps.events, made, 'create');
    for (const tag of tags) emitImageEvent(this.#deps.events, made, 'tag', familiarReference(tag));
    return made;
  }

  /** Removes layers that were let go of, unless somebody else has them. */
  collect(layers: readonly LayerRecord[]): void {
    this.#deps.garbage.collect(layers.map(({ blobDigest }) => blobDigest));
  }
}
