import type { EventSink } from '#base/engine-event';
import { type Digest, shortId } from '#base/ids';
import {
  canonicalName,
  canonicalReference,
  familiarReference,
  parseName,
  parseReference,
} from '#spec/reference';
import { imageInUse, imageNotFound, nameInUse } from './errors.ts';
import type { Image } from './image.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { emitImageEvent } from './image-events.ts';
import type { ImageTable } from './image-table.ts';

export interface ImageUse {
  /** containers (by ID) made of the image */
  readonly isUsed: (imageId: Digest) => readonly string[];
  readonly isRunning: (containerId: string) => boolean;
}

export interface ImageRemoverDeps extends ImageUse {
  readonly table: ImageTable;
  readonly catalog: ImageCatalog;
  readonly events: EventSink;
}

export interface Removal {
  readonly untagged: string[];
  /** the image that is gone now, and what it leaves to be collected */
  readonly deleted: {
    readonly image: Image;
    readonly blobs: readonly Digest[];
    readonly chains: readonly Digest[];
  }[];
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
  remove(reference: string, { force }: { readonly force: boolean }): Removal {
    const image = this.#deps.catalog.find(reference);
    if (!image) throw imageNotFound(reference);
    const removal: Removal = { untagged: [], deleted: [] };
    if (isIdPrefix(image.id, reference)) this.#removeById(image, force, removal);
    else this.#removeByName(image, reference, force, removal);
    return removal;
  }

  #removeByName(image: Image, text: string, force: boolean, removal: Removal): void {
    const [user] = this.#deps.isUsed(image.id);
    if (!force && user !== undefined && this.#isSingle(image)) throw nameInUse(text, user, image.id);
    const reference = parseReference(text);
    this.#untag(image, canonicalReference(reference), removal);
    // With the last tag of a repository go the digests in it.
    const left = this.#names(image).map(parseName);
    const ofRepository = left.filter(name => canonicalName(name) === canonicalName(reference));
    if (reference.digest === undefined && ofRepository.every(name => name.digest !== undefined)) {
      for (const name of ofRepository) this.#untag(image, canonicalReference(name), removal);
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
    for (const name of this.#names(image)) this.#untag(image, name, removal);
    this.#delete(image, removal);
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
    const names = this.#names(image).map(parseName);
    const repositories = new Set(names.map(canonicalName));
    return repositories.size <= 1 && names.filter(({ digest }) => digest === undefined).length <= 1;
  }

  #names(image: Image): readonly string[] {
    return this.#deps.table.find(image.id)?.names ?? [];
  }

  #untag(image: Image, name: string, { untagged }: Removal): void {
    const { table, catalog, events } = this.#deps;
    table.deleteName(name);
    catalog.refresh(image.id);
    untagged.push(familiarReference(parseName(name)));
    emitImageEvent(events, image, 'untag');
  }

  #delete(image: Image, { deleted }: Removal): void {
    const { table, catalog, events } = this.#deps;
    const record = table.find(image.id);
    if (!record) return;
    table.delete(image.id);
    catalog.refresh(image.id);
    emitImageEvent(events, image, 'delete');
    const { id, manifestDigest, layers } = record;
    deleted.push({
      image,
      blobs: [
        id,
        ...(manifestDigest === undefined ? [] : [manifestDigest]),
        ...layers.map(layer => layer.blobDigest),
      ],
      chains: layers.map(({ chainId }) => chainId).toReversed(),
    });
  }
}

/** Whether the user named the image by (a part of) its ID: then all names are meant. */
function isIdPrefix(id: Digest, reference: string): boolean {
  return reference !== '' && (id.startsWith(reference) || id.slice('sha256:'.length).startsWith(reference));
}
