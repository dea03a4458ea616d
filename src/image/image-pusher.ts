import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { type Abortable, throwIfAborted } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { EngineError, isKind } from '#base/errors';
import type { Digest } from '#base/ids';
import { Semaphore } from '#base/semaphore';
import type { Credentials } from '#distribution/credentials';
import type { RegistryClient } from '#distribution/registry-client';
import type { Repository } from '#distribution/repository';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import { MEDIA_TYPES, parseManifest } from '#spec/oci/manifest';
import type { Platform } from '#spec/oci/platform';
import {
  canonicalName,
  canonicalReference,
  familiarName,
  familiarReference,
  parseName,
  type Reference,
} from '#spec/reference';
import type { ContentStore } from '#store/content-store';
import type { Leases } from '#store/leases';
import type { BlobTable } from './blob-table.ts';
import type { Image } from './image.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { ImageIntake } from './image-intake.ts';
import {
  blobMissing,
  compressionOf,
  type LayeredManifest,
  layerType,
  makeManifest,
} from './image-manifest.ts';
import type { ImageTable } from './image-table.ts';
import { compressLayer } from './layer-compressor.ts';
import type { ManifestBlob, ManifestRecord, ManifestTable } from './manifest-table.ts';
import { imagesOf, neededBy, type PlannedImage, type PushPlan, planPush } from './push-plan.ts';
import { type EmitPush, PushProgress } from './push-progress.ts';

export interface PushOptions extends Abortable {
  /** only the image for it */
  readonly platform?: Platform;
  readonly credentials?: Credentials;
}

export interface ImagePusherDeps {
  readonly registries: Pick<RegistryClient, 'repository'>;
  readonly table: ImageTable;
  readonly manifests: ManifestTable;
  readonly blobTable: BlobTable;
  readonly catalog: ImageCatalog;
  readonly intake: ImageIntake;
  readonly content: ContentStore;
  readonly blobs: LayerBlobs;
  readonly leases: Leases;
  readonly events: EventSink;
}

const UPLOADS = 5;
const NEVER = new AbortController().signal;

interface Push {
  readonly reference: Reference;
  readonly repository: Repository;
  readonly emit: EmitPush;
  readonly signal: AbortSignal;
  /** layers that were sent by this push already */
  readonly sent: Set<Digest>;
}

/** Sends images to registries: layers, configurations, manifests, and the name last. */
export class ImagePusher {
  readonly #deps: ImagePusherDeps;

  constructor(deps: ImagePusherDeps) {
    this.#deps = deps;
  }

  async push(name: Reference, emit: EmitPush, options: PushOptions = {}): Promise<void> {
    const { registries, table } = this.#deps;
    const { signal = NEVER, credentials, platform } = options;
    const references = this.#references(name);
    if (references.length === 0) {
      throw new EngineError(
        'notFound',
        `An image does not exist locally with the tag: ${familiarName(name)}`, // Docker's wording, for a name too
      );
    }
    const repository = registries.repository(name, credentials);
    emit({ status: `The push refers to repository [${canonicalName(name)}]` });
    const sent = new Set<Digest>();
    for (const reference of references) {
      const named = table.ofName(canonicalReference(reference));
      if (named) await this.#pushOne({ reference, repository, emit, signal, sent }, platform);
    }
  }

  #references(name: Reference): Reference[] {
    const { table } = this.#deps;
    if (name.tag !== undefined) return table.ofName(canonicalReference(name)) ? [name] : [];
    return table
      .namesIn(canonicalName(name))
      .map(parseName)
      .filter(({ tag }) => tag !== undefined);
  }

  async #pushOne(push: Push, platform: Platform | undefined): Promise<void> {
    const { catalog, events, leases } = this.#deps;
    const { reference, repository, emit, signal } = push;
    const name = canonicalReference(reference);
    const plan = planPush(this.#deps, name, platform);
    using _lease = leases.hold(neededBy(plan));
    const pushed =
      'index' in plan ? await this.#pushIndex(push, plan, name) : await this.#pushImage(push, plan.image);
    throwIfAborted(signal);
    const tag = reference.tag ?? 'latest';
    await repository.putManifest(tag, pushed.mediaType, pushed.content, { signal });
    const { digest, content } = pushed;
    if (platform === undefined) this.#remember(push, digest);
    emit({ status: `${tag}: digest: ${digest} size: ${content.length}` });
    emit({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: content.length } });
    const image = catalog.find(name) ?? imagesOf(plan)[0]?.image;
    if (image) {
      catalog.refresh(image.id);
      const attributes = { ...image.config.Labels, name: familiarName(reference) };
      events.emit({ type: 'image', action: 'push', actor: { id: familiarReference(reference), attributes } });
    }
  }

  /** The image is known by that digest in that repository from now on. */
  #remember({ reference }: Push, digest: Digest): void {
    const { table, manifests, intake } = this.#deps;
    const named = table.ofName(canonicalReference(reference));
    if (!named || !manifests.find(digest)) return;
    const digestName = parseName(`${canonicalName(reference)}@${digest}`);
    intake.name(digestName, { imageId: named.imageId, target: digest });
    if (named.target === undefined) intake.name(reference, { imageId: named.imageId, target: digest });
  }

  /** With everything it leads to; when not all of that is here or there, the one image that is, as Docker does. */
  async #pushIndex(
    push: Push,
    plan: Extract<PushPlan, { index: object }>,
    name: string,
  ): Promise<ManifestRecord | LayeredManifest> {
    const { index: row, members } = plan;
    const here = new Set(members.map(({ manifest }) => manifest.digest));
    const document = parseManifest(row.content, row.mediaType, row.digest);
    const entries = document.kind === 'index' ? document.index.manifests : [];
    const missing = [];
    for (const entry of entries) {
      if (!here.has(entry.digest) && !(await isThere(push, entry.digest))) missing.push(entry);
    }
    if (missing.length > 0) {
      const [image, ...others] = imagesOf(plan);
      if (!image || others.length > 0) {
        throw new EngineError(
          'notFound',
          `cannot push ${name}: ${missing.length} of the ${entries.length} platforms of its index are not here; choose one with --platform, or pull them`,
        );
      }
      const manifest = await this.#pushImage(push, image);
      push.emit({ aux: insteadOfIndex(row, manifest) });
      return manifest;
    }
    for (const { manifest, content } of members.toReversed()) {
      if ('image' in content) await this.#pushImage(push, content);
      else for (const blob of content) await this.#sendBlob(push, blob, undefined);
      const { digest, mediaType, content: bytes } = manifest;
      await push.repository.putManifest(digest, mediaType, bytes, { signal: push.signal });
    }
    return row;
  }

  /** Its layers and configuration. @returns the manifest, which the caller sends. */
  async #pushImage(
    push: Push,
    { image, record, known }: PlannedImage,
  ): Promise<ManifestRecord | LayeredManifest> {
    const { manifests, table, blobs } = this.#deps;
    if (known) {
      await this.#sendLayers(push, image, known.blobs);
      await this.#sendConfig(push, record.id, record.config, known.manifest);
      return known.manifest;
    }
    const layers = await this.#sendCompressed(push, image);
    const made = makeManifest('docker', record, layers);
    await this.#sendConfig(push, record.id, record.config, made);
    // What the registry has now can be sent again under the same digest, as long as its layers can be made again.
    const isKept = table.find(image.id) !== undefined && layers.every(({ digest }) => blobs.has(digest));
    if (isKept) manifests.insert({ ...made, imageId: image.id });
    return made;
  }

  async #sendConfig(
    push: Push,
    digest: Digest,
    config: Buffer,
    manifest: Pick<ManifestRecord, 'content' | 'mediaType' | 'digest'>,
  ): Promise<void> {
    const document = parseManifest(manifest.content, manifest.mediaType, manifest.digest);
    const mediaType =
      document.kind === 'manifest' ? document.manifest.config.mediaType : MEDIA_TYPES.dockerConfig;
    const open = (offset: number): Readable => Readable.from([config.subarray(offset)]);
    await this.#upload(push, { digest, size: config.length, mediaType }, open, undefined);
  }

  async #sendLayers(push: Push, image: Image, blobs: readonly ManifestBlob[]): Promise<void> {
    await this.#all(blobs, image, push, (blob, progress) => this.#sendBlob(push, blob, progress));
  }

  /** Several at a time; each is announced before the first is sent. */
  async #all<T>(
    items: readonly T[],
    image: Image,
    { emit, signal }: Push,
    work: (item: T, progress: PushProgress, position: number) => Promise<void>,
  ): Promise<void> {
    const slots = new Semaphore(UPLOADS);
    const progresses = items.map(
      (_, position) => new PushProgress(image.diffIds[position] ?? image.id, emit),
    );
    const results = await Promise.allSettled(
      items.map(async (item, position) => {
        const progress = progresses[position];
        if (progress) await slots.run(() => work(item, progress, position), { signal });
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #sendBlob(push: Push, blob: ManifestBlob, progress: PushProgress | undefined): Promise<void> {
    const { blobs } = this.#deps;
    const { digest, sizeBytes, mediaType } = blob;
    if (push.sent.has(digest)) return progress?.say('Layer already exists');
    const open = (offset: number): Readable => {
      if (!blobs.has(digest)) throw blobMissing(digest);
      return Readable.from(skipped(blobs.open(digest, { signal: push.signal }), offset), {
        objectMode: false,
      });
    };
    await this.#upload(push, { digest, size: sizeBytes, mediaType }, open, progress);
  }

  async #upload(
    { reference, repository, signal, sent }: Push,
    descriptor: { readonly digest: Digest; readonly size: number; readonly mediaType: string },
    open: (offset: number) => Readable,
    progress: PushProgress | undefined,
  ): Promise<void> {
    const { blobTable } = this.#deps;
    const { digest, size } = descriptor;
    const mountFrom = blobTable
      .sourcesOf(digest, reference.domain)
      .map(name => name.slice(reference.domain.length + 1))
      .filter(name => name !== reference.repository);
    const onProgress = (bytes: number): void => progress?.sent(bytes, size);
    const outcome = await repository.upload(descriptor, open, { signal, mountFrom, onProgress });
    sent.add(digest);
    blobTable.addSource(digest, canonicalName(reference));
    if (outcome.how === 'exists') progress?.say('Layer already exists');
    else if (outcome.how === 'mounted') progress?.say(`Mounted from ${outcome.from}`);
    else progress?.say('Pushed');
  }

  /** The layers of an image without a manifest: plain tars go compressed. @returns them as the registry has them. */
  async #sendCompressed(push: Push, image: Image): Promise<ManifestBlob[]> {
    const { blobs } = this.#deps;
    const sent: ManifestBlob[] = [];
    await this.#all(image.layers, image, push, async ({ blobDigest, blobBytes }, progress, position) => {
      const compression = await compressionOf(blobDigest, blobs);
      const mediaType = layerType('docker', compression === 'none' ? 'gzip' : compression);
      if (compression !== 'none') {
        const blob = { position, digest: blobDigest, sizeBytes: blobBytes, mediaType };
        await this.#sendBlob(push, blob, progress);
        sent[position] = blob;
      } else {
        const { digest, sizeBytes } = await this.#compressAndSend(
          push,
          blobDigest,
          blobBytes,
          progress,
          mediaType,
        );
        sent[position] = { position, digest, sizeBytes, mediaType };
      }
    });
    return sent;
  }

  async #compressAndSend(
    push: Push,
    tar: Digest,
    tarBytes: number,
    progress: PushProgress,
    mediaType: string,
  ): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
    const { blobTable } = this.#deps;
    const { repository, signal, sent } = push;
    const known = blobTable.compressed(tar);
    if (known && (sent.has(known.digest) || (await repository.hasBlob(known.digest, { signal })))) {
      progress.say('Layer already exists');
      return known;
    }
    const onProgress = (bytes: number): void => progress.sent(bytes, tarBytes);
    await using staged = await compressLayer(tar, this.#deps, { signal, onProgress });
    const { digest, sizeBytes } = staged;
    blobTable.setCompressed(tar, { digest, sizeBytes });
    const open = (offset: number): Readable => createReadStream(staged.path, { start: offset });
    await this.#upload(push, { digest, size: sizeBytes, mediaType }, open, progress);
    return { digest, sizeBytes };
  }
}

async function isThere({ repository, signal }: Push, digest: Digest): Promise<boolean> {
  try {
    await repository.resolve(digest, { signal });
    return true;
  } catch (error) {
    if (isKind(error, 'notFound')) return false;
    throw error;
  }
}

async function* skipped(chunks: AsyncIterable<Buffer>, offset: number): AsyncGenerator<Buffer> {
  let left = offset;
  for await (const chunk of chunks) {
    if (left >= chunk.length) left -= chunk.length;
    else {
      yield left > 0 ? chunk.subarray(left) : chunk;
      left = 0;
    }
  }
}

/** What Docker's command line says more about. */
function insteadOfIndex(
  index: ManifestRecord,
  manifest: Pick<ManifestRecord, 'digest' | 'mediaType' | 'content'>,
) {
  const descriptor = ({
    mediaType,
    digest,
    content,
  }: Pick<ManifestRecord, 'digest' | 'mediaType' | 'content'>) => ({
    mediaType,
    digest,
    size: content.length,
  });
  return {
    manifestPushedInsteadOfIndex: true,
    originalIndex: descriptor(index),
    selectedManifest: descriptor(manifest),
  };
}
