import { orAborted } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import type { Digest } from '#base/ids';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import type { LayerDraft, LayerSource, Snapshotter, TakenLayer } from '#snapshot/snapshotter';
import { chainIds } from '#spec/oci/chain-id';
import { type ImageConfig, parseImageConfig } from '#spec/oci/image-config';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import type { ContentStore } from '#store/content-store';
import type { GrowingFile } from '#store/growing-file';
import type { JailPool } from '#store/jail-pool';
import { checkLayerCount } from './errors.ts';
import type { ImageTable, LayerRecord } from './image-table.ts';
import type { ManifestDocumentRow, ManifestTable } from './manifest-table.ts';

/** Bytes that were taken in, or are still coming; perhaps not published yet. */
export interface StagedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** where they are now, once {@link flush} has ended */
  readonly path: string;
  /**
   * Only of what still comes. `begun`: resolves once there is a file to read while it grows. `isTaken`: whoever has read all
   * of it says what its digest is, or (`undefined`) that it was not read.
   */
  readonly arrival?: {
    begun(): Promise<GrowingFile>;
    isTaken(digest: Digest | undefined): void;
    isRefused(error: unknown): void;
  };
  /** the same bytes, read as a layer already */
  readonly draft?: LayerDraft;
  /** Waits until all are there and on the disk, so that {@link publish} has little to do. The path stays. */
  flush(): Promise<void>;
  /** Makes them a blob of the content store, on disk to stay. Happy when they are one already. */
  publish(): Promise<void>;
}

/** Everything an image is made of, from whatever source. The digests are those of the bytes. */
export interface NewImage {
  readonly config: { readonly digest: Digest; readonly bytes: Buffer };
  readonly manifest?: ManifestDocumentRow;
  readonly layers: readonly { readonly blob: StagedBlob; readonly mediaType?: string }[];
}

export interface ImageAdderDeps {
  readonly table: ImageTable;
  readonly manifests: ManifestTable;
  readonly content: ContentStore;
  readonly blobs: Pick<LayerBlobs, 'has'>;
  readonly snapshots: Snapshotter;
  readonly jail: Pick<JailPool, 'measure'>;
}

export interface PreparedImage {
  readonly id: Digest;
  /** Writes its rows; to be called within a transaction. Happy when they are there already. */
  readonly insert: () => void;
  /** of the lowest layer, when it was unpacked now: tells what kind of archive it was */
  readonly topLevelNames: readonly string[];
}

interface LayerContext {
  readonly note: (chainId: Digest, sizeBytes: number, names: readonly string[]) => void;
  readonly signal: AbortSignal;
  readonly isBelowCalled: Promise<void>;
  readonly onCall: () => void;
}

interface Stack {
  readonly diffId: Digest;
  readonly chainId: Digest;
  readonly parent: Digest | undefined;
}

/** Unpacks the layers of an image, publishes its blobs, writes its rows: disk first, rows last. */
export class ImageAdder {
  readonly #deps: ImageAdderDeps;

  constructor(deps: ImageAdderDeps) {
    this.#deps = deps;
  }

  /**
   * Gets everything of an image onto the disk; its rows are written by {@link PreparedImage.insert}. The caller holds
   * leases on the blobs and layers, and collects what is not referred to when this fails.
   *
   * @throws {EngineError} `invalid` when the parts do not belong together.
   */
  async prepare(image: NewImage, signal: AbortSignal): Promise<PreparedImage> {
    const id = image.config.digest;
    if (this.#isKnown(image)) {
      // What comes all the same is read by nobody: it must not wait for that.
      const arriving = image.layers.flatMap(({ blob }) => (blob.arrival ? [blob] : []));
      for (const { arrival } of arriving) arrival?.isTaken(undefined);
      await allOf(arriving.map(blob => blob.flush()));
      return { id, topLevelNames: [], insert: () => undefined };
    }
    const config = parseImageConfig(image.config.bytes);
    const stack = stackOf(config, image);
    const sizes = new Map<Digest, number>();
    const topLevelNames: string[] = [];
    const note = (chainId: Digest, sizeBytes: number, names: readonly string[]): void => {
      sizes.set(chainId, sizeBytes);
      if (chainId === stack[0]?.chainId) topLevelNames.push(...names);
    };
    await allOf([
      this.#unpackAll(image, stack, note, signal),
      ...image.layers.map(({ blob }) => blob.flush()),
    ]);
    await publishAll(image);
    const layers = await Promise.all(
      stack.map(async (layer, index) => this.#layerRecord(layer, image.layers[index], sizes)),
    );
    return { id, topLevelNames, insert: () => this.#insert(image, layers) };
  }

  #isKnown({ config, manifest, layers }: NewImage): boolean {
    const { table, blobs, snapshots } = this.#deps;
    if (!table.find(config.digest)) return false;
    // What was damaged and dropped, or is gone, comes again.
    const isWhole =
      layers.every(({ blob }) => blobs.has(blob.digest)) &&
      chainIds(parseImageConfig(config.bytes).rootfs.diff_ids).every(chain => snapshots.hasCommitted(chain));
    if (!isWhole) return false;
    return manifest === undefined || this.#deps.manifests.find(manifest.digest) !== undefined;
  }

  /** Layers are taken in independently of each other; only their commits go in order. */
  async #unpackAll(
    image: NewImage,
    stack: readonly Stack[],
    note: (chainId: Digest, sizeBytes: number, names: readonly string[]) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    let below: Promise<void> = Promise.resolve();
    const all = stack.map(async (layer, index) => {
      const isBelowCalled = below;
      const { promise, resolve } = Promise.withResolvers<void>();
      below = promise;
      try {
        await this.#ensureLayer(layer, index, image, { note, signal: stop, isBelowCalled, onCall: resolve });
      } catch (error) {
        failed.abort(error);
      } finally {
        resolve();
      }
    });
    await Promise.all(all);
    if (failed.signal.aborted) throw failed.signal.reason; // the first failure; others follow from it
  }

  async #ensureLayer(
    { diffId, chainId, parent }: Stack,
    index: number,
    image: NewImage,
    context: LayerContext,
  ): Promise<void> {
    const blob = image.layers[index]?.blob;
    if (!blob) throw new TypeError('the stack has as many layers as the image');
    const layer = { diffId, blob, label: `layer ${index}`, group: image.config.digest };
    const taken = await this.#take(chainId, parent, layer, context);
    if (taken) context.note(chainId, taken.sizeBytes, taken.topLevelNames);
    if (taken?.blobDigest !== blob.digest) await this.#prove(index, diffId, blob, context.signal);
  }

  /** Reads the layer while it comes, if it still does. */
  async #take(
    chainId: Digest,
    parent: Digest | undefined,
    layer: Pick<LayerSource, 'diffId' | 'label' | 'group'> & { readonly blob: StagedBlob },
    { signal, isBelowCalled, onCall }: LayerContext,
  ): Promise<TakenLayer | undefined> {
    const { snapshots } = this.#deps;
    const { blob } = layer;
    const { arrival } = blob;
    try {
      const archive =
        arrival && !snapshots.hasCommitted(chainId) ? await orAborted(arrival.begun(), signal) : blob.path;
      await isBelowCalled; // a layer finds the one below only when that was called for before
      const draft = blob.draft ? { draft: blob.draft } : {};
      const source = { ...layer, ...draft, archive, isVerified: arrival === undefined };
      const taking = snapshots.ensureLayer(chainId, parent, source, { signal });
      onCall();
      const taken = await taking;
      arrival?.isTaken(taken?.blobDigest);
      return taken;
    } catch (error) {
      arrival?.isRefused(error);
      throw error;
    }
  }

  /** A layer that is there already says nothing about the blob that came now: that could be anything. */
  async #prove(index: number, diffId: Digest, blob: StagedBlob, signal: AbortSignal): Promise<void> {
    if (blob.digest === diffId || this.#deps.table.isProven(diffId, blob.digest)) return;
    await blob.flush();
    const measured = await this.#deps.jail.measure(blob.path, { signal });
    verifyDiffId(index, diffId, measured.diffId);
  }

  async #layerRecord(
    { diffId, chainId }: Stack,
    layer: NewImage['layers'][number] | undefined,
    sizes: ReadonlyMap<Digest, number>,
  ): Promise<LayerRecord> {
    if (!layer) throw new TypeError('the stack has as many layers as the image');
    const known = sizes.get(chainId) ?? this.#deps.table.layerSize(chainId);
    return {
      diffId,
      chainId,
      sizeBytes: known ?? (await this.#deps.snapshots.usage(chainId)).sizeBytes,
      blobDigest: layer.blob.digest,
      blobBytes: layer.blob.sizeBytes,
      mediaType: layer.mediaType ?? MEDIA_TYPES.dockerLayer,
    };
  }

  #insert({ config, manifest }: NewImage, layers: readonly LayerRecord[]): void {
    const { table, manifests } = this.#deps;
    const { digest: id, bytes } = config;
    if (!table.find(id)) {
      const manifestPart = manifest === undefined ? {} : { manifestDigest: manifest.digest };
      table.insert({ id, config: bytes, ...manifestPart, layers });
    }
    if (!manifest) return;
    const blobs = layers.map((layer, position) => ({
      position,
      digest: layer.blobDigest,
      sizeBytes: layer.blobBytes,
      mediaType: layer.mediaType,
    }));
    manifests.insert({ ...manifest, imageId: id, blobs });
  }
}

/** Names of everything an image needs to be kept while it is added. */
export function leaseNames(image: NewImage): string[] {
  const chains = chainIds(parseImageConfig(image.config.bytes).rootfs.diff_ids);
  return [...image.layers.map(({ blob }) => blob.digest), ...chains];
}

function stackOf({ rootfs }: ImageConfig, { layers }: NewImage): Stack[] {
  const diffIds = rootfs.diff_ids;
  checkLayerCount(diffIds.length, layers.length);
  const chains = chainIds(diffIds);
  return diffIds.map((diffId, index) => ({
    diffId,
    chainId: chains[index] ?? diffId,
    parent: chains[index - 1],
  }));
}

/**
 * Waits for all, so that nothing goes on behind a failure. Of several, one that says that the rest of a file did not come
 * (`unavailable`) gives way to the reason why it did not.
 */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).filter(result => result.status === 'rejected');
  const [first, ...others] = failed;
  if (!first) return;
  const cause = others.find(({ reason }) => !isKind(reason, 'cancelled'));
  throw isKind(first.reason, 'unavailable') && cause ? cause.reason : first.reason;
}

async function publishAll({ layers }: NewImage): Promise<void> {
  for (const { blob } of layers) await blob.publish();
}

function verifyDiffId(index: number, expected: Digest, actual: Digest): void {
  if (expected === actual) return;
  throw new EngineError(
    'invalid',
    `invalid diffID for layer ${index}: expected "${expected}", got "${actual}"`,
  );
}
