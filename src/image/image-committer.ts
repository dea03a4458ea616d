import type { Readable } from 'node:stream';
import type { EventSink } from '#base/engine-event';
import { EngineError } from '#base/errors';
import { type Digest, digestOf } from '#base/ids';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { familiarReference, type Reference } from '#spec/reference';
import type { ContentStore } from '#store/content-store';
import type { Leases } from '#store/leases';
import { type CommitFacts, committedConfig } from './committed-config.ts';
import type { Image } from './image.ts';
import type { NewImage } from './image-adder.ts';
import { emitImageEvent } from './image-events.ts';
import { stageLayer } from './image-import.ts';
import type { ImageIntake } from './image-intake.ts';
import type { ImageTable } from './image-table.ts';
import { keptLayer } from './kept-layer.ts';
import type { StagedFile } from './staged-file.ts';

export interface ImageCommitterDeps {
  readonly table: ImageTable;
  readonly intake: ImageIntake;
  readonly leases: Leases;
  readonly content: ContentStore;
  readonly events: EventSink;
}

export interface CommitRequest extends CommitFacts {
  /** `''`: a container that was made of no image */
  readonly source: Digest | '';
  /** the new image's name */
  readonly tag?: Reference;
  /** Called once: gives what shall be the new layer to `store`, or calls it not, when there is nothing new. */
  readonly readLayer: (store: (tar: Readable) => Promise<void>) => Promise<void>;
}

/** Makes an image of another one and of what a container of it wrote. */
export class ImageCommitter {
  readonly #deps: ImageCommitterDeps;

  constructor(deps: ImageCommitterDeps) {
    this.#deps = deps;
  }

  /** @throws {EngineError} `conflict` when the image that the container is made of is gone. */
  async commit({ source, tag, readLayer, ...facts }: CommitRequest, signal: AbortSignal): Promise<Image> {
    const { table, leases, content, intake, events } = this.#deps;
    const record = source === '' ? undefined : table.find(source);
    if (!record) throw imageGone(source);
    const { layers } = record;
    using _lease = leases.hold(layers.flatMap(({ chainId, blobDigest }) => [chainId, blobDigest]));
    await using parts = new AsyncDisposableStack();
    let added: StagedFile | undefined;
    await readLayer(async tar => {
      added = (await stageLayer(tar, content, signal, parts)).layer;
    });
    const blob = added as StagedFile | undefined; // set by the call above, which the compiler does not see
    const diffIds = [...layers.map(({ diffId }) => diffId), ...(blob ? [blob.digest] : [])];
    const bytes = committedConfig(record.config, facts, { diffIds, layers: layers.length });
    const image: NewImage = {
      config: { bytes, digest: digestOf(bytes) },
      layers: [...layers.map(keptLayer), ...(blob ? [{ blob, mediaType: MEDIA_TYPES.dockerLayer }] : [])],
    };
    const taken = await intake.take({ images: [image], tags: tag ? [tag] : [] }, signal);
    emitImageEvent(events, taken.image, 'create');
    if (tag) emitImageEvent(events, taken.image, 'tag', familiarReference(tag));
    return taken.image;
  }
}

function imageGone(source: string): EngineError {
  return new EngineError(
    'conflict',
    `the image of the container is not here any more${source === '' ? '' : ` (${source})`}: docker export CONTAINER | docker import - NAME makes one of all its files`,
  );
}
