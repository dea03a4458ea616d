import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import type { Snapshotter } from '#snapshot/snapshotter';
import { chainIds } from '#spec/oci/chain-id';
import { type ImageConfig, parseImageConfig } from '#spec/oci/image-config';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import type { ContentStore } from '#store/content-store';
import type { JailPool } from '#store/jail-pool';
import type { ImageTable, LayerRecord } from './image-table.ts';

/** Bytes that were taken in and checked, but perhaps not published yet. */
export interface StagedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** where they are now */
  readonly path: string;
  /** Gets the bytes onto the disk, so that {@link publish} has little to do. The path stays. */
  flush(): Promise<void>;
  /** Makes them a blob of the content store, on disk to stay. Happy when they are one already. */
  publish(): Promise<void>;
}

/** Everything an image is made of, from whatever source. */
export interface NewImage {
  readonly config: { readonly bytes: Buffer; readonly blob: StagedBlob };
  readonly manifest?: StagedBlob;
  readonly layers: readonly { readonly blob: StagedBlob; readonly mediaType?: string }[];
}

export interface ImageAdderDeps {
  readonly table: ImageTable;
  readonly content: ContentStore;
  readonly snapshots: Snapshotter;
  readonly jail: Pick<JailPool, 'measure'>;
}

export interface AddedImage {
  readonly id: Digest;
  readonly isNew: boolean;
  /** of the lowest layer, when it was unpacked now: tells what kind of archive it was */
  readonly topLevelNames: readonly string[];
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
   * Adds an image unless it is there. The caller holds leases on the blobs and layers, and collects what is not
   * referred to when this fails.
   *
   * @throws {EngineError} `invalid` when the parts do not belong together.
   */
  async add(image: NewImage, signal: AbortSignal): Promise<AddedImage> {
    const id = image.config.blob.digest;
    if (this.#deps.table.find(id)) return { id, isNew: false, topLevelNames: [] };
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
    this.#insert(image, layers);
    return { id, isNew: true, topLevelNames };
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
    const all = stack.map(async (layer, index) => {
      try {
        await this.#ensureLayer(layer, index, image, { note, signal: stop });
      } catch (error) {
        failed.abort(error);
      }
    });
    await Promise.all(all);
    if (failed.signal.aborted) throw failed.signal.reason; // the first failure; others follow from it
  }

  async #ensureLayer(
    { diffId, chainId, parent }: Stack,
    index: number,
    image: NewImage,
    context: {
      readonly note: (chainId: Digest, sizeBytes: number, names: readonly string[]) => void;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const blob = image.layers[index]?.blob;
    if (!blob) throw new TypeError('the stack has as many layers as the image');
    const { signal } = context;
    const source = { archive: blob.path, diffId, blob, isVerified: true, label: `layer ${index}` };
    const taken = await this.#deps.snapshots.ensureLayer(chainId, parent, source, { signal });
    if (taken) context.note(chainId, taken.sizeBytes, taken.topLevelNames);
    if (taken?.blobDigest !== blob.digest) await this.#prove(index, diffId, blob, signal);
  }

  /** A layer that is there already says nothing about the blob that came now: that could be anything. */
  async #prove(index: number, diffId: Digest, blob: StagedBlob, signal: AbortSignal): Promise<void> {
    if (blob.digest === diffId || this.#deps.table.isProven(diffId, blob.digest)) return;
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
    const { table } = this.#deps;
    table.transaction(() => {
      if (table.find(config.blob.digest)) return; // someone else was faster
      table.insert({
        id: config.blob.digest,
        config: config.bytes,
        ...(manifest === undefined ? {} : { manifestDigest: manifest.digest }),
        layers,
      });
    });
  }
}

/** Names of everything an image needs to be kept while it is added. */
export function leaseNames(image: NewImage): string[] {
  const { config, manifest, layers } = image;
  const chains = chainIds(parseImageConfig(config.bytes).rootfs.diff_ids);
  const blobs = [config.blob, ...layers.map(({ blob }) => blob), ...(manifest ? [manifest] : [])];
  return [...blobs.map(({ digest }) => digest), ...chains];
}

function stackOf({ rootfs }: ImageConfig, { layers }: NewImage): Stack[] {
  const diffIds = rootfs.diff_ids;
  if (diffIds.length !== layers.length) {
    throw new EngineError(
      'invalid',
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${layers.length}`,
    );
  }
  const chains = chainIds(diffIds);
  return diffIds.map((diffId, index) => ({
    diffId,
    chainId: chains[index] ?? diffId,
    parent: chains[index - 1],
  }));
}

/** Waits for all, so that nothing goes on behind a failure. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

async function publishAll({ config, manifest, layers }: NewImage): Promise<void> {
  for (const { blob } of layers) await blob.publish();
  await manifest?.publish();
  await config.blob.publish();
}

function verifyDiffId(index: number, expected: Digest, actual: Digest): void {
  if (expected === actual) return;
  throw new EngineError(
    'invalid',
    `invalid diffID for layer ${index}: expected "${expected}", got "${actual}"`,
  );
}
