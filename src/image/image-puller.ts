import { type Abortable, throwIfAborted } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import { EngineError } from '#base/errors';
import { type Digest, isDigest } from '#base/ids';
import type { Credentials } from '#distribution/credentials';
import { rateLimitText } from '#distribution/rate-limit';
import type { RegistryClient } from '#distribution/registry-client';
import type { ContentDescriptor, FetchedManifest, Repository } from '#distribution/repository';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import type { Snapshotter } from '#snapshot/snapshotter';
import { chainIds } from '#spec/oci/chain-id';
import { type ImageConfig, parseImageConfig } from '#spec/oci/image-config';
import { type ImageIndex, isLayerType, type Manifest, parseManifest } from '#spec/oci/manifest';
import { formatPlatform, normalizePlatform, type Platform, platformFit } from '#spec/oci/platform';
import {
  canonicalName,
  canonicalReference,
  familiarName,
  familiarReference,
  type Reference,
} from '#spec/reference';
import type { ContentStore } from '#store/content-store';
import { ArrivingBlob, storedBlob } from './arriving-blob.ts';
import type { BlobTable } from './blob-table.ts';
import { chooseManifest } from './choose-platform.ts';
import { checkLayerCount, platformMismatch } from './errors.ts';
import type { ImageLayer } from './image.ts';
import type { NewImage, StagedBlob } from './image-adder.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { ImageIntake } from './image-intake.ts';
import type { ImageTable } from './image-table.ts';
import type { ManifestDocumentRow, ManifestTable } from './manifest-table.ts';
import { alreadyHere, type EmitLine, LayerProgress } from './pull-progress.ts';
import type { ImageTrust } from './trust/image-trust.ts';

export interface ImagePullerDeps {
  readonly registries: Pick<RegistryClient, 'repository' | 'keep'>;
  readonly table: ImageTable;
  readonly manifests: ManifestTable;
  readonly blobTable: BlobTable;
  readonly catalog: ImageCatalog;
  readonly intake: ImageIntake;
  readonly snapshots: Pick<Snapshotter, 'hasCommitted'>;
  readonly content: ContentStore;
  readonly blobs: Pick<LayerBlobs, 'has'>;
  readonly events: EventSink;
  readonly trust: ImageTrust;
  /** of this host */
  readonly platform: Platform;
}

export interface PullOptions extends Abortable {
  readonly credentials?: Credentials;
  /** default: the host's */
  readonly platform?: Platform;
}

/** An index in an index in an index is somebody's joke. */
const MAX_DEPTH = 3;

/** Brings images from registries: layers in parallel, each read while it comes; what is here already is not fetched. */
export class ImagePuller {
  readonly #deps: ImagePullerDeps;

  constructor(deps: ImagePullerDeps) {
    this.#deps = deps;
  }

  /** Every tag of a repository, one after the other. @throws {EngineError} */
  async pullAll(name: Reference, emit: EmitLine, options: PullOptions): Promise<void> {
    const { domain, repository: path } = name;
    const repository = this.#deps.registries.repository(name, options.credentials);
    const { signal } = options;
    for await (const tag of repository.tags(signal ? { signal } : {})) {
      await this.pull({ domain, repository: path, tag }, emit, options);
    }
  }

  /**
   * One image. An unchanged tag costs one request.
   *
   * @throws {EngineError} `notFound`, `unauthorized`, `unavailable` when the registry cannot be had, `dataLoss` when it sends
   * something else, `invalid` for what is no image.
   */
  async pull(reference: Reference, emit: EmitLine, options: PullOptions): Promise<void> {
    const repository = this.#deps.registries.repository(reference, options.credentials);
    const platform = options.platform ?? this.#deps.platform;
    const { signal = NEVER } = options;
    const asked = reference.digest ?? reference.tag ?? 'latest';
    const resolved = await repository.resolve(asked, { signal });
    await this.#deps.trust.checkPull(reference, resolved.digest, repository, { signal });
    emit({ status: `Pulling from ${reference.repository}`, id: asked });
    const isHere = this.#isHere(resolved.digest, platform, options.platform !== undefined);
    if (!isHere || !this.#isNamed(reference, resolved.digest)) {
      await this.#bring(reference, resolved, {
        repository,
        platform,
        emit,
        signal,
        isAsked: options.platform !== undefined,
      });
    }
    const { rateLimit } = repository;
    if (rateLimit) emit({ status: `Rate limit of ${reference.domain}: ${rateLimitText(rateLimit)}` });
    emit({ status: `Digest: ${resolved.digest}` });
    const words = isHere ? 'Image is up to date' : 'Downloaded newer image';
    emit({ status: `Status: ${words} for ${shownName(reference)}` });
    if (!isHere) throwIfAborted(signal);
    this.#announce(reference);
  }

  /** Whether the image of a manifest or index is here, for the platform. */
  #isHere(target: Digest, platform: Platform, isAsked: boolean): boolean {
    const { manifests, catalog } = this.#deps;
    const record = manifests.find(target);
    if (!record) return false;
    const ids = [record, ...manifests.membersOf(target)].flatMap(({ imageId }) => imageId ?? []);
    return ids.some(id => {
      const image = catalog.byId(id);
      return (
        image?.layers.every(layer => this.#isWhole(layer)) === true &&
        (record.imageId !== undefined && !isAsked ? true : platformFit(platform, image.platform) > 0)
      );
    });
  }

  #isWhole({ chainId, blobDigest }: ImageLayer): boolean {
    return this.#deps.snapshots.hasCommitted(chainId) && this.#deps.blobs.has(blobDigest);
  }

  #isNamed(reference: Reference, target: Digest): boolean {
    const { table } = this.#deps;
    return namesOf(reference, target).every(
      name => table.ofName(canonicalReference(name))?.target === target,
    );
  }

  async #bring(reference: Reference, resolved: ContentDescriptor, context: PullContext): Promise<void> {
    const { repository, signal } = context;
    const top = await repository.manifest(resolved.digest, { signal });
    const found = await this.#choose(top, context, 1);
    const config = await repository.blob(found.manifest.config, { signal });
    const parsed = parseImageConfig(config);
    checkPlatform(reference, parsed, context);
    const layers = this.#layers(found.manifest, parsed, context);
    const image: NewImage = {
      config: { digest: found.manifest.config.digest, bytes: config },
      manifest: found.row,
      layers: layers.map(({ blob, mediaType }) => ({ blob, mediaType })),
    };
    const index = found.index && { ...rowOf(top), members: found.index, others: [] };
    await this.#deps.intake.take(
      { images: [image], tags: namesOf(reference, resolved.digest), ...(index ? { index } : {}) },
      signal,
      { rescue: blob => this.#deps.registries.keep(blob) },
    );
    for (const { progress } of layers) progress?.done();
    for (const digest of [image.config.digest, ...layers.map(({ blob }) => blob.digest)]) {
      this.#deps.blobTable.addSource(digest, canonicalName(reference));
    }
  }

  /** The manifest for the platform, by way of indexes. */
  async #choose(fetched: FetchedManifest, context: PullContext, depth: number): Promise<ChosenManifest> {
    const { descriptor, bytes } = fetched;
    const what = `manifest ${descriptor.digest}`;
    const document = parseManifest(bytes, descriptor.mediaType, what);
    if (document.kind === 'manifest') return { manifest: document.manifest, row: rowOf(fetched) };
    if (depth >= MAX_DEPTH) throw new EngineError('invalid', `${what}: indexes are nested too deeply`);
    const entry = chooseManifest(document.index, context.platform);
    if (entry.digest === descriptor.digest) throw new EngineError('invalid', `${what} leads to itself`);
    const next = await context.repository.manifest(entry.digest, { signal: context.signal });
    const chosen = await this.#choose(next, context, depth + 1);
    return { ...chosen, index: [...membersOf(document.index), ...(chosen.index ?? [])] };
  }

  #layers({ layers }: Manifest, { rootfs }: ImageConfig, context: PullContext) {
    // Before anything is fetched: what is not asked for in the end would be waited for.
    checkLayerCount(rootfs.diff_ids.length, layers.length);
    const chains = chainIds(rootfs.diff_ids);
    for (const { mediaType } of layers) {
      if (mediaType !== '' && !isLayerType(mediaType)) throw notAnImage(mediaType);
    }
    return layers.map((layer, index) => {
      const diffId = rootfs.diff_ids[index];
      const chain = chains[index];
      const { mediaType } = layer;
      if (chain !== undefined && diffId !== undefined && this.#isLayerHere(layer.digest, diffId, chain)) {
        context.emit(alreadyHere(layer.digest));
        return { blob: storedBlob(layer, this.#deps.content), mediaType, progress: undefined };
      }
      const progress = new LayerProgress(layer, context.emit);
      return { blob: this.#arriving(layer, progress, context), mediaType, progress };
    });
  }

  #isLayerHere(blob: Digest, diffId: Digest, chain: Digest): boolean {
    const { snapshots, blobs, table } = this.#deps;
    const isKnown = blob === diffId || table.isProven(diffId, blob);
    return snapshots.hasCommitted(chain) && isKnown && blobs.has(blob);
  }

  #arriving(
    layer: ContentDescriptor,
    progress: LayerProgress,
    { repository, signal }: PullContext,
  ): StagedBlob {
    const { content } = this.#deps;
    if (content.has(layer.digest) && content.size(layer.digest) === layer.size) {
      progress.received(layer.size);
      return storedBlob(layer, content);
    }
    const onProgress = (received: number): void => progress.received(received);
    return new ArrivingBlob(layer, { repository, content, onProgress, signal });
  }

  /** As Docker: `pull` with the name in the familiar form. */
  #announce(reference: Reference): void {
    const name = shownName(reference);
    const image = this.#deps.catalog.find(name);
    const attributes = { ...image?.config.Labels, name: familiarName(reference) };
    this.#deps.events.emit({ type: 'image', action: 'pull', actor: { id: name, attributes } });
  }
}

interface PullContext {
  readonly repository: Repository;
  readonly platform: Platform;
  /** the user named the platform */
  readonly isAsked: boolean;
  readonly emit: EmitLine;
  readonly signal: AbortSignal;
}

interface ChosenManifest {
  readonly manifest: Manifest;
  readonly row: ManifestDocumentRow;
  /** manifests that the indexes on the way lead to; absent when there was none */
  readonly index?: readonly Digest[];
}

const NEVER = new AbortController().signal;

/** What the image is called from now on: by its tag, and by its digest. */
function namesOf({ domain, repository, tag, digest }: Reference, target: Digest): Reference[] {
  const byDigest = { domain, repository, digest: target };
  return digest === undefined && tag !== undefined ? [{ domain, repository, tag }, byDigest] : [byDigest];
}

/** `name:tag`, or `name@digest` when that was asked for. */
function shownName({ domain, repository, tag, digest }: Reference): string {
  return familiarReference(
    digest === undefined ? { domain, repository, tag: tag ?? 'latest' } : { domain, repository, digest },
  );
}

function rowOf({ descriptor, bytes }: FetchedManifest): ManifestDocumentRow {
  return { digest: descriptor.digest, mediaType: descriptor.mediaType, content: bytes };
}

function membersOf({ manifests }: ImageIndex): Digest[] {
  return manifests.map(({ digest }) => digest).filter(isDigest);
}

/** Without an index there is no choice: what comes must be what was asked for. Docker's wording. */
function checkPlatform(reference: Reference, config: ImageConfig, { platform, isAsked }: PullContext): void {
  const own = normalizePlatform(config);
  if (!isAsked || platformFit(platform, own) > 0) return;
  throw platformMismatch(shownName(reference), formatPlatform(own), formatPlatform(platform));
}

function notAnImage(mediaType: string): EngineError {
  return new EngineError(
    'invalid',
    `unsupported media type ${mediaType}: this is an artifact or a chart, not the image of a container`,
  );
}
