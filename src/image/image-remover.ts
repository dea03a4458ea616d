import type { EventSink } from '#base/engine-event';
import { type Digest, shortId } from '#base/ids';
import { type Platform, platformFit } from '#spec/oci/platform';
import {
  canonicalName,
  canonicalReference,
  familiarReference,
  parseName,
  parseReference,
} from '#spec/reference';
import { imageInUse, imageNotFound, nameInUse, platformNotFound } from './errors.ts';
import type { Image } from './image.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { emitImageEvent } from './image-events.ts';
import type { ImageTable, LayerRecord } from './image-table.ts';
import type { ManifestTable } from './manifest-table.ts';

export interface ImageUse {
  /** containers (by ID) made of the image */
  readonly isUsed: (imageId: Digest) => readonly string[];
  readonly isRunning: (containerId: string) => boolean;
}

export interface ImageRemoverDeps extends ImageUse {
  readonly table: ImageTable;
  readonly manifests: ManifestTable;
  readonly catalog: ImageCatalog;
  readonly events: EventSink;
}

export interface Removal {
  readonly untagged: string[];
  /** the images that are gone now, and the layers they leave to be collected, uppermost first */
  readonly deleted: { readonly image: Image; readonly layers: readonly LayerRecord[] }[];
  /** what else they leave */
  readonly blobs: Digest[];
}

export interface RemovalOptions {
  readonly force: boolean;
  /** only the images for these, of those that the name means */
  readonly platforms?: readonly Platform[];
}

/**
 * What `docker rmi` does to the rows; files are collected afterwards. The rules are those of moby
 * (daemon/images/image_delete.go): a name goes when something else is left of the image or nobody uses it; with the
 * last name goes the image.
 */
export class ImageRemover {
  readonly #deps: ImageRemoverDeps;

  constructor(deps: ImageRemoverDeps) {
    this.#deps = deps;
  }

  /** Synchronous, so that no container can be made in between. @throws {EngineError} `notFound`, `conflict`. */
  remove(reference: string, { force, platforms = [] }: RemovalOptions): Removal {
    const { catalog, manifests } = this.#deps;
    const image = catalog.find(reference);
    if (!image) throw imageNotFound(reference);
    const removal: Removal = { untagged: [], deleted: [], blobs: [] };
    if (platforms.length > 0 && this.#removeVariants(reference, platforms, force, removal)) return removal;
    if (isIdPrefix(image.id, reference)) this.#removeById(image, force, removal);
    else this.#removeByName(image, reference, force, removal);
    removal.blobs.push(...manifests.deleteUnused());
    return removal;
  }

  /** @returns `false` when nothing would be left: then it is an ordinary removal. */
  #removeVariants(
    reference: string,
    platforms: readonly Platform[],
    force: boolean,
    removal: Removal,
  ): boolean {
    const variants = this.#deps.catalog.variants(reference);
    const doomed = platforms.map(platform => {
      const found = variants.find(variant => platformFit(platform, variant.platform) > 0);
      if (!found) throw platformNotFound(reference, platform);
      return found;
    });
    const kept = variants.filter(variant => !doomed.includes(variant));
    const [heir] = kept;
    if (!heir) return false;
    for (const image of new Set(doomed)) {
      const conflict = this.#conflict(image, force);
      if (conflict) throw conflict.error;
      this.#passOn(image, heir);
      this.#delete(image, removal);
    }
    return true;
  }

  /** Names that mean `image` for this host mean another one from now on. */
  #passOn(image: Image, heir: Image): void {
    const { table, catalog } = this.#deps;
    for (const name of this.#names(image)) {
      const named = table.ofName(name);
      if (named?.imageId === image.id) table.setName(name, { ...named, imageId: heir.id });
      catalog.refreshNamed(named);
    }
    catalog.refresh(heir.id);
  }

  #removeByName(image: Image, text: string, force: boolean, removal: Removal): void {
    const { catalog, isUsed } = this.#deps;
    const variants = catalog.variants(text);
    const used = variants.find(variant => isUsed(variant.id).length > 0);
    const [user] = used ? isUsed(used.id) : [];
    if (!force && used && user !== undefined && this.#isSingle(image)) throw nameInUse(text, user, used.id);
    const reference = parseReference(text);
    const { digest } = reference;
    const name =
      digest === undefined ? canonicalReference(reference) : `${canonicalName(reference)}@${digest}`;
    this.#untag(image, name, removal);
    // With the last tag of a repository go the digests in it.
    const left = this.#ownNames(image).map(parseName);
    const ofRepository = left.filter(other => canonicalName(other) === canonicalName(reference));
    if (reference.digest === undefined && ofRepository.every(other => other.digest !== undefined)) {
      for (const other of ofRepository) this.#untag(image, canonicalReference(other), removal);
    }
    this.#deleteUnnamed(image, variants, force, removal);
  }

  #deleteUnnamed(image: Image, variants: readonly Image[], force: boolean, removal: Removal): void {
    for (const variant of variants) {
      const isNamed = this.#names(variant).length > 0;
      if (variant.id === image.id || isNamed || this.#deps.isUsed(variant.id).length > 0) continue;
      this.#delete(variant, removal);
    }
    if (this.#names(image).length > 0) return;
    const conflict = this.#conflict(image, force);
    if (!conflict) return this.#delete(image, removal);
    // Its name is gone, as asked; the image stays for whoever uses it.
    if (!conflict.isByContainer) throw conflict.error;
  }

  #removeById(image: Image, force: boolean, removal: Removal): void {
    const conflict = this.#conflict(image, force, { checksNames: !this.#isSingle(image) });
    if (conflict) throw conflict.error;
    const variants = this.#ownNames(image).flatMap(name => this.#deps.catalog.variants(name));
    for (const name of this.#ownNames(image)) this.#untag(image, name, removal);
    this.#delete(image, removal);
    this.#deleteUnnamed(image, variants, force, removal);
  }

  #conflict(image: Image, force: boolean, { checksNames = false }: { readonly checksNames?: boolean } = {}) {
    const users = this.#deps.isUsed(image.id);
    const running = users.find(user => this.#deps.isRunning(user));
    if (running !== undefined) {
      const reason = `image is being used by running container ${shortId(running)}`;
      return { error: imageInUse(image.id, reason, { isHard: true }), isByContainer: true };
    }
    if (force) return undefined;
    if (checksNames) {
      const reason = 'image is referenced in multiple repositories';
      return { error: imageInUse(image.id, reason, { isHard: false }), isByContainer: false };
    }
    const [stopped] = users;
    if (stopped === undefined) return undefined;
    const reason = `image is being used by stopped container ${shortId(stopped)}`;
    return { error: imageInUse(image.id, reason, { isHard: false }), isByContainer: true };
  }

  /** All names in one repository, and at most one of them a tag. */
  #isSingle(image: Image): boolean {
    const names = this.#ownNames(image).map(parseName);
    const repositories = new Set(names.map(canonicalName));
    return repositories.size <= 1 && names.filter(({ digest }) => digest === undefined).length <= 1;
  }

  #names(image: Image): readonly string[] {
    return this.#deps.table.find(image.id)?.names ?? [];
  }

  /** Without those by which it is one of several, and not the one for this host. */
  #ownNames(image: Image): readonly string[] {
    const record = this.#deps.table.find(image.id);
    return record?.names.filter(name => !record.sharedNames.includes(name)) ?? [];
  }

  #untag(image: Image, name: string, { untagged }: Removal): void {
    const { table, catalog, events } = this.#deps;
    const named = table.ofName(name);
    table.deleteName(name);
    catalog.refreshNamed(named, { imageId: image.id });
    untagged.push(familiarReference(parseName(name)));
    emitImageEvent(events, image, 'untag');
  }

  #delete(image: Image, { deleted, blobs }: Removal): void {
    const { table, manifests, catalog, events } = this.#deps;
    const record = table.find(image.id);
    if (!record) return;
    const { id, layers } = record;
    const named = manifests.ofImage(id).flatMap(({ digest }) => manifests.blobsOf(digest));
    table.delete(id);
    catalog.refresh(id);
    emitImageEvent(events, image, 'delete');
    deleted.push({ image, layers: layers.toReversed() });
    blobs.push(...layers.map(layer => layer.blobDigest), ...named.map(({ digest }) => digest));
  }
}

/** Whether the user named the image by (a part of) its ID: then all names are meant. */
function isIdPrefix(id: Digest, reference: string): boolean {
  return reference !== '' && (id.startsWith(reference) || id.slice('sha256:'.length).startsWith(reference));
}
