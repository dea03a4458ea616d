import { messageOf } from '#base/errors';
import { type Digest, isDigest } from '#base/ids';
import type { Logger } from '#base/logger';
import { type Platform, platformFit } from '#spec/oci/platform';
import {
  canonicalName,
  canonicalReference,
  parseName,
  parseReference,
  type Reference,
  tryParseReference,
} from '#spec/reference';
import type { Image } from './image.ts';
import { ownManifest } from './image-manifest.ts';
import { imageOf } from './image-record.ts';
import type { ImageTable, NamedTarget } from './image-table.ts';
import type { ManifestTable } from './manifest-table.ts';

export interface PlatformChoice {
  readonly platform?: Platform;
}

export interface ImageCatalogDeps {
  readonly table: ImageTable;
  readonly manifests: ManifestTable;
  readonly logger: Logger;
}

/** The images of the table, kept parsed in memory: every container start asks for one. */
export class ImageCatalog {
  readonly #table: ImageTable;
  readonly #manifests: ManifestTable;
  readonly #images = new Map<Digest, Image>();
  readonly #ownDigests = new Map<Digest, Digest>();

  constructor({ table, manifests, logger }: ImageCatalogDeps) {
    this.#table = table;
    this.#manifests = manifests;
    for (const id of table.ids()) {
      try {
        this.refresh(id);
      } catch (error) {
        // One bad row must not keep the engine from starting.
        logger.error('an image cannot be read and is left out', { image: id, error: messageOf(error) });
      }
    }
  }

  /** To be called after every change of an image's rows. */
  refresh(id: Digest): void {
    const record = this.#table.find(id);
    if (record) this.#images.set(id, imageOf(record));
    else {
      this.#images.delete(id);
      this.#ownDigests.delete(id);
    }
  }

  /** After a change of a name: all images that it meant or means. */
  refreshNamed(...targets: readonly (NamedTarget | undefined)[]): void {
    const ids = targets.flatMap(named => {
      if (!named) return [];
      return [named.imageId, ...(named.target === undefined ? [] : this.#imagesBelow(named.target))];
    });
    for (const id of new Set(ids)) this.refresh(id);
  }

  list(): Image[] {
    return [...this.#images.values()];
  }

  byId(id: Digest): Image | undefined {
    return this.#images.get(id);
  }

  /**
   * By name, name:tag, name@digest, ID or unique ID prefix, in this order of preference (as Docker). With a platform:
   * the image for it among those the name means.
   */
  find(text: string, { platform }: PlatformChoice = {}): Image | undefined {
    const image = this.#find(text);
    if (!image || !platform) return image;
    const [best] = this.variants(text)
      .map(variant => ({ variant, fit: platformFit(platform, variant.platform) }))
      .filter(({ fit }) => fit > 0)
      .toSorted((one, other) => other.fit - one.fit);
    return best?.variant;
  }

  /** What a reference means, for every platform that is here: the image that it alone stands for first. */
  variants(text: string): Image[] {
    const image = this.#find(text);
    if (!image) return [];
    const target = this.targetOf(text);
    const ids = target === undefined ? [] : this.#imagesBelow(target);
    return [image, ...ids.filter(id => id !== image.id).flatMap(id => this.#images.get(id) ?? [])];
  }

  /** The manifest or index that a reference stands for; an ID stands for what its names do, if they agree. */
  targetOf(text: string): Digest | undefined {
    const reference = tryParseReference(text);
    const named = reference && this.#table.ofName(nameIn(reference));
    if (named) return named.target;
    const image = this.#find(text);
    if (!image) return undefined;
    if (reference?.digest !== undefined) return reference.digest === image.id ? undefined : reference.digest;
    const targets = new Set(
      [...image.repoTags, ...image.repoDigests].flatMap(name => {
        const owner = this.#table.ofName(canonicalReference(parseReference(name)));
        return owner?.imageId === image.id ? [owner.target] : [];
      }),
    );
    return targets.size === 1 ? [...targets][0] : image.manifestDigest;
  }

  #imagesBelow(target: Digest): Digest[] {
    return this.#manifests.membersOf(target).flatMap(({ imageId }) => imageId ?? []);
  }

  #find(text: string): Image | undefined {
    const whole = text.startsWith('sha256:') ? text : `sha256:${text}`;
    if (isDigest(whole)) return this.#images.get(whole) ?? this.#byManifest(whole);
    const reference = tryParseReference(text);
    return (reference && this.#byName(reference)) ?? this.#byPrefix(whole);
  }

  /** An image answers to the digest of its manifest too, as in Docker's newer store. */
  #byManifest(digest: Digest): Image | undefined {
    const imageId = this.#manifests.find(digest)?.imageId;
    if (imageId) return this.#images.get(imageId);
    return this.list().find(
      ({ id, manifestDigest }) => manifestDigest === undefined && this.#ownDigest(id) === digest,
    );
  }

  /** Of the manifest that an image has until one comes or is pushed. */
  #ownDigest(id: Digest): Digest | undefined {
    const known = this.#ownDigests.get(id);
    if (known) return known;
    const record = this.#table.find(id);
    const digest = record && ownManifest(record).digest;
    if (digest) this.#ownDigests.set(id, digest);
    return digest;
  }

  #byName(reference: Reference): Image | undefined {
    const named = this.#table.ofName(nameIn(reference));
    if (named) return this.#images.get(named.imageId);
    const { digest } = reference;
    return digest === undefined ? undefined : this.#byDigest(canonicalName(reference), digest);
  }

  /** An image that came from an archive has no name with a digest, but answers to its own. */
  #byDigest(name: string, digest: Digest): Image | undefined {
    const byManifest = this.#byManifest(digest)?.id;
    return this.list().find(
      image =>
        (image.id === byManifest || image.manifestDigest === digest || image.id === digest) &&
        image.repoTags.some(tag => canonicalName(parseName(tag)) === name),
    );
  }

  #byPrefix(prefix: string): Image | undefined {
    if (!/^sha256:[0-9a-f]+$/.test(prefix)) return undefined;
    const matches = this.list().filter(({ id }) => id.startsWith(prefix));
    return matches.length === 1 ? matches[0] : undefined;
  }
}

/** As the table of names has it. */
function nameIn(reference: Reference): string {
  const { digest } = reference;
  return digest === undefined ? canonicalReference(reference) : `${canonicalName(reference)}@${digest}`;
}
