import { Readable } from 'node:stream';
import { type Abortable, throwIfAborted } from '#base/abortable';
import { EngineError, orNone } from '#base/errors';
import type { Digest } from '#base/ids';
import { parseManifest } from '#spec/oci/manifest';
import { cosignTag } from './referrer-tag.ts';
import type { RegistryRepository } from './registry-repository.ts';
import type { ContentDescriptor, FetchedManifest, ManifestName } from './repository.ts';

export interface CopyProgress {
  readonly digest: Digest;
  readonly state: 'exists' | 'mounted' | 'sending' | 'sent';
  /** of `size` */
  readonly sentBytes: number;
  readonly size: number;
}

export interface CopyOptions extends Abortable {
  readonly onProgress?: (progress: CopyProgress) => void;
  /** also what refers to the image and its platforms: signatures, attestations; default: the image alone */
  readonly withReferrers?: boolean;
}

export interface CopyDeps {
  readonly from: RegistryRepository;
  readonly to: RegistryRepository;
  /** the name of `from` at the registry of `to`, where they are one: then nothing is sent */
  readonly mountFrom: readonly string[];
}

/** An index of indexes of indexes is nobody's image. */
const DEEPEST = 4;
const MOST_MANIFESTS = 2000;
const COSIGN_TAGS = ['sig', 'att', 'sbom'] as const;
const BLOBS_AT_A_TIME = 4;

/**
 * Copies an image, all its platforms, from one repository to another: blobs pass through memory only, what is there already stays,
 * and every byte arrives as it was, so that digests and signatures hold.
 */
export class ImageCopy {
  readonly #deps: CopyDeps;
  readonly #options: CopyOptions;
  /** manifests that are there, or on their way */
  readonly #manifests = new Set<Digest>();
  readonly #blobs = new Set<Digest>();

  constructor(deps: CopyDeps, options: CopyOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** The name is set last: it never stands for half an image. @returns what was copied. */
  async run(source: ManifestName, target: ManifestName): Promise<Digest> {
    const fetched = await this.#deps.from.manifest(source, this.#abortable);
    await this.#parts(fetched, 1);
    const { descriptor, bytes } = fetched;
    const digest = await this.#deps.to.putManifest(target, descriptor.mediaType, bytes, this.#abortable);
    if (this.#options.withReferrers) await this.#referrers([digest, ...this.#manifests], 1);
    return digest;
  }

  /** What refers to manifests, and what refers to that; and cosign's tags, which do the same by their names. */
  async #referrers(subjects: readonly Digest[], depth: number): Promise<void> {
    const { from, to } = this.#deps;
    for (const subject of subjects) {
      const found = await from.referrers(subject, this.#abortable);
      const news = found.map(({ digest }) => digest).filter(digest => !this.#manifests.has(digest));
      for (const referrer of found) await this.#manifest(referrer, 1);
      if (depth < DEEPEST) await this.#referrers(news, depth + 1);
      for (const suffix of COSIGN_TAGS) {
        const tag = cosignTag(subject, suffix);
        const fetched = await orNone(from.manifest(tag, this.#abortable), 'notFound');
        if (!fetched) continue;
        await this.#parts(fetched, 1);
        await to.putManifest(tag, fetched.descriptor.mediaType, fetched.bytes, this.#abortable);
      }
    }
  }

  get #abortable(): Abortable {
    const { signal } = this.#options;
    return signal ? { signal } : {};
  }

  /** What a manifest refers to comes before it. */
  async #parts({ descriptor, bytes }: FetchedManifest, depth: number): Promise<void> {
    const document = parseManifest(bytes, descriptor.mediaType, `manifest ${descriptor.digest}`);
    if (document.kind === 'manifest') {
      const { config, layers } = document.manifest;
      await this.#copyBlobs([config, ...layers].filter(({ mediaType }) => !isElsewhere(mediaType)));
      return;
    }
    if (depth >= DEEPEST) throw tooMuch(`indexes within indexes, more than ${DEEPEST}`);
    for (const child of document.index.manifests) await this.#manifest(child, depth + 1);
  }

  async #manifest({ digest }: ContentDescriptor, depth: number): Promise<void> {
    if (this.#manifests.has(digest)) return;
    this.#manifests.add(digest);
    if (this.#manifests.size > MOST_MANIFESTS) throw tooMuch(`more than ${MOST_MANIFESTS} manifests`);
    const fetched = await this.#deps.from.manifest(digest, this.#abortable);
    await this.#parts(fetched, depth);
    await this.#deps.to.putManifest(digest, fetched.descriptor.mediaType, fetched.bytes, this.#abortable);
  }

  async #copyBlobs(blobs: readonly ContentDescriptor[]): Promise<void> {
    const waiting = blobs.filter(({ digest }) => !this.#blobs.has(digest));
    for (const { digest } of waiting) this.#blobs.add(digest);
    const failed = new AbortController();
    const signal = AbortSignal.any([failed.signal, ...(this.#options.signal ? [this.#options.signal] : [])]);
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.#copyBlob(next, signal);
    };
    const workers = Array.from({ length: BLOBS_AT_A_TIME }, () =>
      work().catch((error: unknown) => failed.abort(error)),
    );
    await Promise.all(workers);
    throwIfAborted(this.#options.signal);
    if (failed.signal.aborted) throw failed.signal.reason;
  }

  async #copyBlob(descriptor: ContentDescriptor, signal: AbortSignal): Promise<void> {
    const { from, to, mountFrom } = this.#deps;
    const { digest, size } = descriptor;
    const { onProgress = () => undefined } = this.#options;
    const { how } = await to.upload(
      descriptor,
      offset => Readable.from(from.stream(descriptor, offset, { signal })),
      {
        mountFrom,
        signal,
        readsElsewhere: true,
        onProgress: sentBytes => onProgress({ digest, state: 'sending', sentBytes, size }),
      },
    );
    onProgress({
      digest,
      state: how === 'uploaded' ? 'sent' : how,
      sentBytes: how === 'uploaded' ? size : 0,
      size,
    });
  }
}

/** Layers that no registry keeps: their places are in the manifest, and go along with it. */
function isElsewhere(mediaType: string): boolean {
  return /\.foreign\.|nondistributable/.test(mediaType);
}

function tooMuch(what: string): EngineError {
  return new EngineError('invalid', `the image is not copied: it has ${what}`);
}
