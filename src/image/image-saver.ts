import { type Abortable, throwIfAborted } from '#base/abortable';
import type { EventSink } from '#base/engine-event';
import type { Digest } from '#base/ids';
import type { LayerBlobs } from '#snapshot/layer-blobs';
import type { Platform } from '#spec/oci/platform';
import { platformFit } from '#spec/oci/platform';
import {
  canonicalName,
  canonicalReference,
  familiarReference,
  parseName,
  type Reference,
} from '#spec/reference';
import { TAR_END, tarEntry, tarHeader, tarPadding } from '#spec/tar/tar-writer';
import type { Leases } from '#store/leases';
import { imageNotFound, platformNotFound } from './errors.ts';
import type { Image } from './image.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { emitImageEvent } from './image-events.ts';
import { blobMissing, type LayeredManifest, makeManifest, storedLayers } from './image-manifest.ts';
import type { ImageTable } from './image-table.ts';
import type { ManifestTable } from './manifest-table.ts';

export interface ImageSaverDeps {
  readonly table: ImageTable;
  readonly manifests: ManifestTable;
  readonly catalog: ImageCatalog;
  readonly blobs: LayerBlobs;
  readonly leases: Leases;
  readonly events: EventSink;
}

export interface SaveOptions extends Abortable {
  /** only the images for these; empty: all that are here */
  readonly platforms?: readonly Platform[];
}

const NAME_ANNOTATION = 'io.containerd.image.name';
const TAG_ANNOTATION = 'org.opencontainers.image.ref.name';

interface Selection {
  readonly text: string;
  /** the name it shall have in the archive */
  readonly tag?: Reference;
}

/**
 * Writes images as one archive that is both an OCI layout and what `docker load` has read since 1.10. Every blob is
 * in it once, byte for byte as it came, so that all digests stay what they are.
 */
export class ImageSaver {
  readonly #deps: ImageSaverDeps;

  constructor(deps: ImageSaverDeps) {
    this.#deps = deps;
  }

  /**
   * @returns the archive; what is missing is told before its first byte.
   * @throws {EngineError} `notFound`, `dataLoss`.
   */
  async save(references: readonly string[], options: SaveOptions = {}): Promise<AsyncGenerator<Buffer>> {
    const archive = new Archive();
    for (const reference of references) {
      for (const selection of this.#select(reference)) await this.#add(archive, selection, options);
    }
    for (const blob of archive.blobs.keys()) if (!this.#deps.blobs.has(blob)) throw blobMissing(blob);
    return this.#write(archive, options);
  }

  /** A name without a tag means all tags of it, as `docker save` has it. */
  #select(text: string): Selection[] {
    const { catalog, table } = this.#deps;
    const name = tryName(text);
    if (name && name.tag === undefined && name.digest === undefined) {
      const tags = table
        .namesIn(canonicalName(name))
        .map(parseName)
        .filter(({ tag }) => tag !== undefined);
      if (tags.length > 0) return tags.map(tag => ({ text: canonicalReference(tag), tag }));
    }
    if (!catalog.find(text)) throw imageNotFound(text);
    return name?.tag !== undefined && table.ofName(canonicalReference(name))
      ? [{ text, tag: name }]
      : [{ text }];
  }

  async #add(archive: Archive, { text, tag }: Selection, { platforms = [] }: SaveOptions): Promise<void> {
    const { catalog, manifests } = this.#deps;
    const images = this.#imagesFor(text, platforms);
    const target = catalog.targetOf(text);
    const row = target === undefined ? undefined : manifests.find(target);
    const isIndex = row !== undefined && row.imageId === undefined;
    if (isIndex) {
      archive.documents.set(row.digest, row.content);
      for (const other of manifests.membersOf(row.digest)) {
        if (other.imageId !== undefined) continue;
        archive.addManifest({ ...other, blobs: manifests.blobsOf(other.digest) });
      }
      archive.name(row, tag);
    }
    for (const image of images) {
      const manifest = await this.#manifestOf(image, isIndex ? row.digest : row?.digest);
      archive.addManifest(manifest);
      archive.addImage(image, manifest, this.#config(image), tag);
      if (!isIndex) archive.name(manifest, tag);
    }
  }

  #imagesFor(text: string, platforms: readonly Platform[]): Image[] {
    const variants = this.#deps.catalog.variants(text);
    if (platforms.length === 0) return variants;
    return platforms.map(platform => {
      const found = variants.find(variant => platformFit(platform, variant.platform) > 0);
      if (!found) throw platformNotFound(text, platform);
      return found;
    });
  }

  #config({ id }: Image): Buffer {
    return this.#deps.table.find(id)?.config ?? Buffer.alloc(0);
  }

  /** The one that `target` is or leads to; made for an image that has none. */
  async #manifestOf(image: Image, target: Digest | undefined): Promise<LayeredManifest> {
    const { manifests, table, blobs } = this.#deps;
    const own = manifests.ofImage(image.id);
    const members = target === undefined ? [] : manifests.membersOf(target).map(({ digest }) => digest);
    const found = own.find(({ digest }) => digest === target || members.includes(digest)) ?? own[0];
    if (found) return { ...found, blobs: manifests.blobsOf(found.digest) };
    const record = table.find(image.id);
    if (!record) throw imageNotFound(image.id);
    return makeManifest('oci', record, await storedLayers('oci', record.layers, blobs));
  }

  async *#write(archive: Archive, { signal }: Abortable): AsyncGenerator<Buffer> {
    const { blobs, leases, events } = this.#deps;
    using _lease = leases.hold([...archive.blobs.keys(), ...archive.layers()]);
    yield tarEntry({ path: 'blobs/', type: 'directory', mode: 0o755 });
    yield tarEntry({ path: 'blobs/sha256/', type: 'directory', mode: 0o755 });
    for (const [digest, content] of archive.documents) yield tarEntry({ path: pathOf(digest) }, content);
    for (const [digest, size] of archive.blobs) {
      yield tarHeader({ path: pathOf(digest), size });
      for await (const chunk of blobs.open(digest, signal ? { signal } : {})) {
        throwIfAborted(signal);
        yield chunk;
      }
      yield tarPadding(size);
    }
    yield tarEntry({ path: 'index.json' }, JSON.stringify(archive.index()));
    yield tarEntry({ path: 'manifest.json' }, JSON.stringify(archive.dockerManifest()));
    yield tarEntry({ path: 'oci-layout' }, '{"imageLayoutVersion":"1.0.0"}');
    yield TAR_END;
    for (const image of archive.images()) emitImageEvent(events, image, 'save');
  }
}

interface DockerEntry {
  readonly image: Image;
  readonly layers: readonly Digest[];
  readonly tags: Set<string>;
}

/** What goes into one archive. */
class Archive {
  /** manifests and configurations */
  readonly documents = new Map<Digest, Buffer>();
  /** layers, with their sizes */
  readonly blobs = new Map<Digest, number>();
  readonly #named: object[] = [];
  readonly #seen = new Set<string>();
  readonly #docker = new Map<Digest, DockerEntry>();

  addManifest({ digest, content, blobs }: LayeredManifest): void {
    this.documents.set(digest, content);
    for (const blob of blobs) this.blobs.set(blob.digest, blob.sizeBytes);
  }

  addImage(image: Image, { blobs }: LayeredManifest, config: Buffer, tag: Reference | undefined): void {
    this.documents.set(image.id, config);
    const layers = blobs.map(({ digest }) => digest);
    const entry = this.#docker.get(image.id) ?? { image, layers, tags: new Set() };
    if (tag && !image.isVariant) entry.tags.add(familiarReference(tag));
    this.#docker.set(image.id, entry);
  }

  /** what blobs that are not kept are made from again */
  layers(): Digest[] {
    return this.images().flatMap(({ layers }) => layers.map(({ chainId }) => chainId));
  }

  name(
    { digest, mediaType, content }: Pick<LayeredManifest, 'digest' | 'mediaType' | 'content'>,
    tag?: Reference,
  ): void {
    const key = `${digest} ${tag ? canonicalReference(tag) : ''}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const annotations = tag
      ? { annotations: { [NAME_ANNOTATION]: canonicalReference(tag), [TAG_ANNOTATION]: tag.tag } }
      : {};
    this.#named.push({ mediaType, digest, size: content.length, ...annotations });
  }

  images(): Image[] {
    return [...this.#docker.values()].map(({ image }) => image);
  }

  index(): object {
    return {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: this.#named,
    };
  }

  dockerManifest(): object[] {
    return [...this.#docker.values()].map(({ image, layers, tags }) => ({
      Config: pathOf(image.id),
      RepoTags: tags.size > 0 ? [...tags] : null,
      Layers: layers.map(pathOf),
    }));
  }
}

function pathOf(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function tryName(text: string): Reference | undefined {
  try {
    return parseName(text);
  } catch {
    return undefined; // an ID, or nothing that can be found
  }
}
