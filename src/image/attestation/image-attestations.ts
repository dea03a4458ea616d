import type { Abortable } from '#base/abortable';
import { EngineError, orNone } from '#base/errors';
import { type Digest, digestOf } from '#base/ids';
import type { Credentials } from '#distribution/credentials';
import { cosignTag } from '#distribution/referrer-tag';
import type { RegistryClient } from '#distribution/registry-client';
import { MAX_BLOB_BYTES } from '#distribution/registry-repository';
import type { ContentDescriptor, FetchedManifest, Repository } from '#distribution/repository';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import { type ManifestDocument, parseManifest } from '#spec/oci/manifest';
import type { Platform } from '#spec/oci/platform';
import { parseName, type Reference, tryParseReference } from '#spec/reference';
import { chooseManifest } from '../choose-platform.ts';
import type { Image } from '../image.ts';
import type { ImageCatalog } from '../image-catalog.ts';
import type { ManifestRecord, ManifestTable } from '../manifest-table.ts';
import {
  type Attestation,
  type AttestationManifest,
  type AttestationQuery,
  AttestationReader,
  type AttestationSource,
  attestationsInIndex,
} from './attestation-reader.ts';

export interface AttestationOptions extends Abortable, Partial<AttestationQuery> {
  readonly credentials?: Credentials;
  /** default: the host's */
  readonly platform?: Platform;
}

export interface ImageAttestationsDeps {
  readonly registries: Pick<RegistryClient, 'repository'>;
  readonly manifests: ManifestTable;
  readonly catalog: ImageCatalog;
  readonly blobs: Pick<LayerBlobs, 'has' | 'size' | 'open'>;
  /** of this host */
  readonly platform: Platform;
}

/** What is said about images: what their indexes hold, what refers to them at registries. */
export class ImageAttestations {
  readonly #deps: ImageAttestationsDeps;

  constructor(deps: ImageAttestationsDeps) {
    this.#deps = deps;
  }

  /**
   * Of an image that is here: those in the index it came by. What of them is not here, as after a pull, is read at its
   * registry, and not kept.
   *
   * @throws {EngineError} as {@link Repository}; `invalid`.
   */
  async ofImage(image: Image, name: string, options: AttestationOptions): Promise<Attestation[]> {
    const { manifests, catalog } = this.#deps;
    const target = catalog.targetOf(name);
    const row = target && manifests.find(target);
    if (!row) return [];
    const document = parseManifest(row.content, row.mediaType, row.digest);
    if (document.kind !== 'index') return [];
    const members = new Set(manifests.membersOf(row.digest).map(({ digest }) => digest));
    const own = manifests.ofImage(image.id).filter(({ digest }) => members.has(digest));
    const found = own.flatMap(({ digest }) => attestationsInIndex(document.index.manifests, digest));
    return await new AttestationReader(this.#near(image, name, options), queryOf(options)).read(found);
  }

  /**
   * Of an image at its registry, which need not be here: also what refers to it there, and cosign's tag.
   *
   * @throws {EngineError} as {@link Repository}; `invalid`.
   */
  async atRegistry(reference: Reference, options: AttestationOptions): Promise<Attestation[]> {
    const { signal, credentials, platform = this.#deps.platform } = options;
    const repository = this.#deps.registries.repository(reference, credentials);
    const abortable = signal ? { signal } : {};
    const top = await repository.manifest(reference.digest ?? reference.tag ?? 'latest', abortable);
    const document = parseManifest(top.bytes, top.descriptor.mediaType, `manifest ${top.descriptor.digest}`);
    const subjects = [...new Set([chosen(document, top, platform), top.descriptor.digest])];
    const listed =
      document.kind === 'index'
        ? subjects.flatMap(subject => attestationsInIndex(document.index.manifests, subject))
        : [];
    const found = [...listed];
    for (const about of subjects) found.push(...(await attached(repository, about, abortable)));
    const source: AttestationSource = {
      manifest: digest => repository.manifest(digest, abortable),
      blob: descriptor => repository.blob(descriptor, abortable),
    };
    return await new AttestationReader(source, queryOf(options)).read(unique(found));
  }

  /** What is here; the registry for the rest. */
  #near(image: Image, name: string, { signal, credentials }: AttestationOptions): AttestationSource {
    const { manifests, registries } = this.#deps;
    const abortable = signal ? { signal } : {};
    const far = (what: Digest): Repository => {
      const reference = homeOf(image, name);
      if (reference) return registries.repository(reference, credentials);
      throw new EngineError(
        'notFound',
        `${what} is not here, and the image is not known to come from a registry`,
      );
    };
    return {
      manifest: async digest => {
        const row = manifests.find(digest);
        return row ? fetched(row) : await far(digest).manifest(digest, abortable);
      },
      blob: async descriptor =>
        (await this.#blob(descriptor, abortable)) ?? far(descriptor.digest).blob(descriptor, abortable),
    };
  }

  async #blob({ digest, size }: ContentDescriptor, { signal }: Abortable): Promise<Buffer | undefined> {
    const { blobs } = this.#deps;
    if (!blobs.has(digest)) return undefined;
    if (size > MAX_BLOB_BYTES || blobs.size(digest) !== size) {
      throw new EngineError(
        'invalid',
        `blob ${digest} is larger than ${MAX_BLOB_BYTES} bytes, or not of its size`,
      );
    }
    const chunks: Buffer[] = [];
    for await (const chunk of blobs.open(digest, signal ? { signal } : {})) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (digestOf(bytes) !== digest) throw new EngineError('dataLoss', `blob ${digest} is damaged`);
    return bytes;
  }
}

function queryOf({ types = [], withStatements = false }: AttestationOptions): AttestationQuery {
  return { types, withStatements };
}

function fetched({ mediaType, digest, content }: ManifestRecord): FetchedManifest {
  return { descriptor: { mediaType, digest, size: content.length }, bytes: content };
}

function chosen(document: ManifestDocument, { descriptor }: FetchedManifest, platform: Platform): Digest {
  return document.kind === 'index' ? chooseManifest(document.index, platform).digest : descriptor.digest;
}

/** Manifests that refer to one: by the registry's list, and by the tag that cosign uses. */
async function attached(
  repository: Repository,
  about: Digest,
  options: Abortable,
): Promise<AttestationManifest[]> {
  const referrers = await repository.referrers(about, options);
  const tagged = await orNone(repository.resolve(cosignTag(about, 'att'), options), 'notFound');
  return [...referrers, ...(tagged ? [tagged] : [])].map(({ digest }) => ({ digest, about }));
}

function unique(manifests: readonly AttestationManifest[]): AttestationManifest[] {
  return [...new Map(manifests.map(one => [`${one.digest} ${one.about}`, one])).values()];
}

/** The repository an image is known to be in: one that it has a digest of. */
function homeOf({ repoDigests }: Image, name: string): Reference | undefined {
  const known = repoDigests.map(parseName);
  const asked = tryParseReference(name);
  return known.find(one => one.domain === asked?.domain && one.repository === asked.repository) ?? known[0];
}
