import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import {
  type Descriptor,
  type ImageIndex,
  isLayerType,
  type Manifest,
  type ManifestDocument,
  MEDIA_TYPES,
  parseManifest,
} from '#spec/oci/manifest';
import { formatPlatform, type Platform, platformFit } from '#spec/oci/platform';
import { canonicalReference, type Reference, tryParseReference } from '#spec/reference';
import type { ArchiveImage, NewArtifact } from './archive-image.ts';
import type { ArchiveSpool } from './archive-spool.ts';
import { readDockerArchive } from './docker-archive.ts';
import type { NewImage, StagedBlob } from './image-adder.ts';
import type { ManifestDocumentRow } from './manifest-table.ts';

/** An index in an index in an index is somebody's joke. */
const MAX_DEPTH = 3;
/** containerd and Docker put the whole name there, */
const NAME_ANNOTATION = 'io.containerd.image.name';
/** the specification only a tag, and some tools a name. */
const REF_ANNOTATION = 'org.opencontainers.image.ref.name';

/** More means that indexes lead to each other. */
const MAX_VISITS = 10_000;

export interface ArchivePlatforms {
  readonly host: Platform;
  /** only these; empty: all that the archive has */
  readonly wanted: readonly Platform[];
}

/**
 * The images of an OCI layout (`index.json`), for all platforms that it has. Docker's own archives are both, so names
 * that only its `manifest.json` knows are added.
 *
 * @throws {EngineError} `invalid`.
 */
export async function readOciArchive(
  spool: ArchiveSpool,
  platforms: ArchivePlatforms,
): Promise<ArchiveImage[]> {
  const document = parseManifest(await spool.read('index.json'), '', 'index.json');
  if (document.kind !== 'index') throw new EngineError('invalid', 'index.json is no image index');
  const reader = new LayoutReader(spool, platforms);
  const found = new Map<Digest, ArchiveImage>();
  for (const descriptor of document.index.manifests) {
    const known = found.get(descriptor.digest);
    const image = known ?? (await reader.read(descriptor));
    if (image) found.set(descriptor.digest, { ...image, tags: [...image.tags, ...tagsOf(descriptor)] });
  }
  const images = [...found.values()];
  return spool.has('manifest.json') ? await withDockerNames(spool, images) : images;
}

async function withDockerNames(spool: ArchiveSpool, images: ArchiveImage[]): Promise<ArchiveImage[]> {
  const all = [...images];
  for (const docker of await readDockerArchive(spool)) {
    const [{ config }] = docker.images;
    const place = all.findIndex(({ images: parts }) =>
      parts.some(part => part.config.digest === config.digest),
    );
    const known = all[place];
    if (!known) {
      all.push(docker);
      continue;
    }
    const names = new Map([...known.tags, ...docker.tags].map(tag => [canonicalReference(tag), tag]));
    all[place] = { ...known, tags: [...names.values()] };
  }
  return all;
}

interface Part {
  readonly image: NewImage;
  readonly fit: number;
}

interface Collected {
  readonly parts: Part[];
  readonly others: NewArtifact[];
  readonly members: Set<Digest>;
}

class LayoutReader {
  readonly #spool: ArchiveSpool;
  readonly #platforms: ArchivePlatforms;
  #visits = 0;

  constructor(spool: ArchiveSpool, platforms: ArchivePlatforms) {
    this.#spool = spool;
    this.#platforms = platforms;
  }

  /** @returns `undefined` for what has no image: a signature, an index whose images are elsewhere. */
  async read(descriptor: Descriptor): Promise<ArchiveImage | undefined> {
    const { row, document } = await this.#document(descriptor);
    const collected: Collected = { parts: [], others: [], members: new Set() };
    if (document.kind === 'manifest') {
      await this.#addManifest(document.manifest, row, descriptor, collected);
      const [only] = collected.parts;
      return only && { images: [only.image], tags: [] };
    }
    await this.#addIndex(document.index, 1, collected);
    const images = collected.parts.toSorted((one, other) => other.fit - one.fit).map(({ image }) => image);
    const [first, ...rest] = images;
    if (!first) {
      if (this.#platforms.wanted.length > 0) throw this.#noneWanted(document.index, row.digest);
      return undefined;
    }
    const index = { ...row, members: [...collected.members], others: collected.others };
    return { images: [first, ...rest], tags: [], index };
  }

  async #addIndex(index: ImageIndex, depth: number, collected: Collected): Promise<void> {
    if (depth > MAX_DEPTH) throw new EngineError('invalid', 'invalid archive: indexes are nested too deeply');
    for (const entry of index.manifests) {
      const isNew = !collected.members.has(entry.digest);
      collected.members.add(entry.digest);
      if (!isNew || !this.#spool.has(blobName(entry))) continue;
      const { row, document } = await this.#document(entry);
      if (document.kind === 'manifest') await this.#addManifest(document.manifest, row, entry, collected);
      else {
        collected.others.push({ ...row, blobs: [] });
        await this.#addIndex(document.index, depth + 1, collected);
      }
    }
  }

  async #addManifest(
    manifest: Manifest,
    row: ManifestDocumentRow,
    { platform }: Descriptor,
    collected: Collected,
  ): Promise<void> {
    const { host, wanted } = this.#platforms;
    const isImage =
      platform?.architecture !== 'unknown' &&
      manifest.layers.every(({ mediaType }) => mediaType === '' || isLayerType(mediaType));
    if (!isImage) return void collected.others.push({ ...row, blobs: this.#artifactBlobs(manifest) });
    if (platform && wanted.length > 0 && !wanted.some(want => platformFit(want, platform) > 0)) return;
    const image = await this.#image(manifest, row);
    collected.parts.push({ image, fit: platform ? platformFit(host, platform) : 1 });
  }

  async #image(manifest: Manifest, row: ManifestDocumentRow): Promise<NewImage> {
    const spool = this.#spool;
    stagedBlob(spool, manifest.config);
    const config = { bytes: await spool.read(blobName(manifest.config)), digest: manifest.config.digest };
    const layers = manifest.layers.map(layer => ({
      blob: stagedBlob(spool, layer),
      ...(layer.mediaType === '' ? {} : { mediaType: layer.mediaType }),
    }));
    return { config, manifest: row, layers };
  }

  /** Those that are here: an attestation without its content is kept as a name. */
  #artifactBlobs({ config, layers }: Manifest): NewArtifact['blobs'] {
    return [config, ...layers].flatMap((descriptor, index) =>
      this.#spool.has(blobName(descriptor))
        ? [
            {
              position: index - 1,
              blob: stagedBlob(this.#spool, descriptor),
              mediaType: descriptor.mediaType,
            },
          ]
        : [],
    );
  }

  async #document(descriptor: Descriptor) {
    this.#visits += 1;
    if (this.#visits > MAX_VISITS) throw new EngineError('invalid', 'invalid archive: too many manifests');
    stagedBlob(this.#spool, descriptor);
    const content = await this.#spool.read(blobName(descriptor));
    const document = parseManifest(content, descriptor.mediaType, `manifest ${descriptor.digest}`);
    const mediaType = descriptor.mediaType || typeOf(document);
    const row: ManifestDocumentRow = { digest: descriptor.digest, mediaType, content };
    return { row, document };
  }

  #noneWanted(index: ImageIndex, digest: Digest): EngineError {
    const offered = index.manifests.flatMap(({ platform }) => (platform ? [formatPlatform(platform)] : []));
    return new EngineError(
      'notFound',
      `${digest} has no image for ${this.#platforms.wanted.map(formatPlatform).join(', ')} in this archive; ` +
        `it is for ${offered.join(', ')}`,
    );
  }
}

function typeOf(document: ManifestDocument): string {
  if (document.kind === 'index') return document.index.mediaType || MEDIA_TYPES.ociIndex;
  return document.manifest.mediaType || MEDIA_TYPES.ociManifest;
}

function tagsOf({ annotations }: Descriptor): Reference[] {
  const name = annotations[NAME_ANNOTATION] ?? annotations[REF_ANNOTATION] ?? '';
  // A bare word is a tag without a name, by the specification.
  if (!/[:/]/.test(name)) return [];
  const reference = tryParseReference(name);
  return reference?.tag === undefined || reference.digest !== undefined ? [] : [reference];
}

function blobName({ digest }: Descriptor): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** The file must be what its descriptor says, byte for byte. */
function stagedBlob(spool: ArchiveSpool, descriptor: Descriptor): StagedBlob {
  const blob = spool.get(blobName(descriptor));
  if (blob.digest !== descriptor.digest || blob.sizeBytes !== descriptor.size) {
    throw new EngineError(
      'invalid',
      `invalid archive: blob ${descriptor.digest} of ${descriptor.size} bytes is ${blob.digest} of ${blob.sizeBytes}`,
    );
  }
  return blob;
}
