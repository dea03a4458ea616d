import type { EventSink } from '#base/engine-event';
import { EngineError } from '#base/errors';
import { type Digest, digestOf } from '#base/ids';
import type { Snapshotter } from '#snapshot/snapshotter';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import type { Reference } from '#spec/reference';
import type { ContentStore } from '#store/content-store';
import type { JailPool } from '#store/jail-pool';
import type { Leases } from '#store/leases';
import { imageNotFound } from './errors.ts';
import type { Image } from './image.ts';
import type { NewImage } from './image-adder.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { emitImageEvent } from './image-events.ts';
import { stageLayer } from './image-import.ts';
import type { ImageIntake } from './image-intake.ts';
import type { ImageTable, LayerRecord } from './image-table.ts';
import { keptLayer } from './kept-layer.ts';
import { squashedConfig } from './squashed-config.ts';
import { squashedTar } from './squashed-layers.ts';

export interface ImageSquasherDeps {
  readonly table: ImageTable;
  readonly catalog: ImageCatalog;
  readonly intake: ImageIntake;
  readonly leases: Leases;
  readonly content: ContentStore;
  readonly snapshots: Snapshotter;
  readonly jail: Pick<JailPool, 'packLayers'>;
  readonly events: EventSink;
}

export interface SquashRequest {
  /** the new image's name */
  readonly tag?: Reference;
  /** What stays as it is: so many of the lowest layers, or those of an image that this one was made from. Default: none. */
  readonly from?: string;
}

/** `merging`: its bytes so far, of those that the layers have; `storing`: the merged layer becomes one of ours */
export interface SquashProgress {
  readonly state: 'merging' | 'storing' | 'stored';
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface SquashWork {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: SquashProgress) => void;
}

export interface Squashed {
  readonly image: Image;
  /** layers that became one */
  readonly layers: number;
  /** content of their files before, and of the one layer's after */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** what other images have of the layers too: the new image has a copy of its own of it */
  readonly unsharedBytes: number;
}

/** Makes one layer of several of an image, as a new image; the old one stays. */
export class ImageSquasher {
  readonly #deps: ImageSquasherDeps;

  constructor(deps: ImageSquasherDeps) {
    this.#deps = deps;
  }

  async squash(
    source: Image,
    { tag, from = '' }: SquashRequest,
    { signal, onProgress }: SquashWork,
  ): Promise<Squashed> {
    const { table, leases, content, intake, events } = this.#deps;
    const record = table.find(source.id);
    if (!record) throw imageNotFound(source.id);
    const { layers } = record;
    const kept = this.#keptCount(from, source);
    const gone = layers.slice(kept);
    if (gone.length < 2) {
      const count = layers.length === 1 ? '1 layer' : `${layers.length} layers`;
      const what = `the image has ${count}, of which ${kept} stay`;
      throw new EngineError('invalid', `there is nothing to squash in ${source.id}: ${what}`);
    }
    const names = layers.flatMap(({ chainId, blobDigest }) => [chainId, blobDigest]);
    using _lease = leases.hold(names);
    await using parts = new AsyncDisposableStack();
    const tar = squashedTar(
      layers.map(({ chainId }) => chainId),
      kept,
      this.#deps,
      signal,
    );
    const totalBytes = sizeOf(gone);
    onProgress({ state: 'merging', doneBytes: 0, totalBytes });
    const { layer } = await stageLayer(tar, content, signal, parts, written =>
      onProgress({ state: 'merging', doneBytes: Math.min(written, totalBytes), totalBytes }),
    );
    onProgress({ state: 'storing', doneBytes: 0, totalBytes: layer.sizeBytes });
    const diffIds = [...source.diffIds.slice(0, kept), layer.digest];
    const bytes = squashedConfig(record.config, { kept, layers: layers.length, diffIds, source: source.id });
    const image: NewImage = {
      config: { bytes, digest: digestOf(bytes) },
      layers: [...layers.slice(0, kept).map(keptLayer), { blob: layer, mediaType: MEDIA_TYPES.dockerLayer }],
    };
    const taken = await intake.take({ images: [image], tags: tag ? [tag] : [] }, signal);
    onProgress({ state: 'stored', doneBytes: layer.sizeBytes, totalBytes: layer.sizeBytes });
    emitImageEvent(events, taken.image, 'squash');
    return {
      image: taken.image,
      layers: gone.length,
      bytesBefore: totalBytes,
      bytesAfter: taken.image.layers.at(-1)?.sizeBytes ?? 0,
      unsharedBytes: this.#sharedBytes(gone, [source.id, taken.image.id]),
    };
  }

  #keptCount(from: string, source: Image): number {
    const { catalog } = this.#deps;
    if (from === '') return 0;
    if (/^\d{1,4}$/.test(from)) {
      const count = Number(from);
      if (count <= source.diffIds.length) return count;
      throw new EngineError('invalid', `--from ${from}: the image has only ${source.diffIds.length} layers`);
    }
    const base = catalog.find(from);
    if (!base) throw imageNotFound(from);
    if (base.diffIds.every((diffId, index) => diffId === source.diffIds[index])) return base.diffIds.length;
    throw new EngineError('invalid', `--from ${from}: the image was not made from it`);
  }

  #sharedBytes(layers: readonly LayerRecord[], but: readonly Digest[]): number {
    const others = this.#deps.catalog.list().filter(({ id }) => !but.includes(id));
    const theirs = new Set(others.flatMap(image => image.layers.map(({ chainId }) => chainId)));
    return sizeOf(layers.filter(({ chainId }) => theirs.has(chainId)));
  }
}

function sizeOf(layers: readonly LayerRecord[]): number {
  return layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
