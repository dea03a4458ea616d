import type { Digest } from '#base/ids';
import { type Descriptor, parseManifest } from '#spec/oci/manifest';
import type { Platform } from '#spec/oci/platform';
import type { Image } from './image.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { ownManifest } from './image-manifest.ts';
import type { ImageTable } from './image-table.ts';
import type { ManifestBlob, ManifestRecord, ManifestTable } from './manifest-table.ts';

/** What a name points at. */
export interface TargetView {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** One manifest of what a name points at. */
export interface ManifestView extends TargetView {
  readonly annotations: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly kind: 'image' | 'attestation' | 'unknown';
  /** whether everything of it is here */
  readonly isAvailable: boolean;
  /** of the manifest and the blobs it names, as far as they are here */
  readonly contentBytes: number;
  /** when it is an image that is here */
  readonly image?: Image;
  /** the manifest that an attestation is about */
  readonly about?: string;
}

export interface ManifestViewsDeps {
  readonly table: Pick<ImageTable, 'find'>;
  readonly manifests: ManifestTable;
  readonly catalog: ImageCatalog;
}

/** Of an entry of an index by BuildKit: the image that it is about. */
export const ABOUT_ANNOTATION = 'vnd.docker.reference.digest';
const TYPE_ANNOTATION = 'vnd.docker.reference.type';

/** Looks into the manifests and indexes that names point at. */
export class ManifestViews {
  readonly #table: Pick<ImageTable, 'find'>;
  readonly #manifests: ManifestTable;
  readonly #catalog: ImageCatalog;

  constructor({ table, manifests, catalog }: ManifestViewsDeps) {
    this.#table = table;
    this.#manifests = manifests;
    this.#catalog = catalog;
  }

  /** `undefined` for an image that has no manifest yet, because it was built or imported here. */
  target(reference: string): TargetView | undefined {
    const digest = this.#catalog.targetOf(reference);
    const row = digest && this.#manifests.find(digest);
    return row && { mediaType: row.mediaType, digest: row.digest, sizeBytes: row.content.length };
  }

  /**
   * All manifests that a reference leads to, here or not, in the order of the index. An image that was made here has the one that
   * it is saved with.
   */
  list(reference: string): ManifestView[] {
    const digest = this.#catalog.targetOf(reference);
    const row = digest && this.#manifests.find(digest);
    if (row) return this.#viewsOf(row);
    const image = this.#catalog.find(reference);
    if (!image) return [];
    const [known] = this.#manifests.ofImage(image.id);
    return known ? this.#viewsOf(known) : this.#ownView(image);
  }

  #ownView(image: Image): ManifestView[] {
    const record = this.#table.find(image.id);
    if (!record) return [];
    const { digest, mediaType, content, blobs } = ownManifest(record);
    return [
      {
        digest,
        mediaType,
        sizeBytes: content.length,
        annotations: {},
        kind: 'image',
        isAvailable: true,
        contentBytes: content.length + image.configBytes + totalOf(blobs),
        platform: image.platform,
        image,
      },
    ];
  }

  #viewsOf(row: ManifestRecord): ManifestView[] {
    const document = parseManifest(row.content, row.mediaType, row.digest);
    if (document.kind === 'manifest') {
      const { digest, mediaType, content } = row;
      return [this.#view({ digest, mediaType, size: content.length, annotations: {}, platform: undefined })];
    }
    return document.index.manifests.map(descriptor => this.#view(descriptor));
  }

  #view(descriptor: ManifestDescriptor): ManifestView {
    const { digest, mediaType, size, annotations } = descriptor;
    const row = this.#manifests.find(digest);
    const image = row?.imageId && this.#catalog.byId(row.imageId);
    const about = annotations[ABOUT_ANNOTATION];
    const attests = isAttestation(annotations);
    const platform = platformOf(descriptor) ?? image?.platform;
    const kind = attests ? 'attestation' : image || platform ? 'image' : 'unknown';
    return {
      digest,
      mediaType,
      sizeBytes: size,
      annotations,
      kind,
      isAvailable: row !== undefined,
      contentBytes: row ? this.#contentBytes(row) : 0,
      ...(platform ? { platform } : {}),
      ...(image ? { image } : {}),
      ...(attests && about !== undefined ? { about } : {}),
    };
  }

  #contentBytes({ digest, content, imageId }: ManifestRecord): number {
    const config = imageId === undefined ? 0 : (this.#catalog.byId(imageId)?.configBytes ?? 0);
    return content.length + config + totalOf(this.#manifests.blobsOf(digest));
  }
}

/** Whether an entry of an index is what BuildKit puts beside an image. */
export function isAttestation(annotations: Readonly<Record<string, string>>): boolean {
  return annotations[TYPE_ANNOTATION] === 'attestation-manifest';
}

type ManifestDescriptor = Pick<Descriptor, 'digest' | 'mediaType' | 'size' | 'annotations' | 'platform'>;

function platformOf({ platform }: ManifestDescriptor): Platform | undefined {
  if (!platform) return undefined;
  const { os, architecture, variant } = platform;
  return { os, architecture, ...(variant === '' ? {} : { variant }) };
}

function totalOf(blobs: readonly ManifestBlob[]): number {
  return blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
