import { abortError } from '#base/abortable';
import type { Digest } from '#base/ids';
import { type Platform, platformFit } from '#spec/oci/platform';
import { canonicalReference, type Reference } from '#spec/reference';
import type { Leases } from '#store/leases';
import type { ArchiveImage } from './archive-image.ts';
import type { Image } from './image.ts';
import { type ImageAdder, leaseNames, type PreparedImage } from './image-adder.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { ImageGarbage } from './image-garbage.ts';
import type { ImageTable, NamedTarget } from './image-table.ts';
import type { ManifestTable } from './manifest-table.ts';

export interface ImageIntakeDeps {
  readonly table: ImageTable;
  readonly manifests: ManifestTable;
  readonly catalog: ImageCatalog;
  readonly adder: ImageAdder;
  readonly garbage: ImageGarbage;
  readonly leases: Leases;
  readonly platform: Platform;
}

export interface IntakeOptions {
  /** Looks at what was unpacked before there are rows, and throws when it shall not be taken in. */
  readonly inspect?: (prepared: readonly PreparedImage[]) => void;
  /** Gets blobs after a failure that are whole and nobody's, before they would be removed. */
  readonly rescue?: (blob: Digest) => void;
}

export interface Taken {
  /** the one for this host, of what the names mean now */
  readonly image: Image;
  /** what the names meant before, where that was something else */
  readonly previous: ReadonlyMap<Reference, NamedTarget>;
}

/**
 * The one way into the store: files first, then all rows of what goes by one name in one transaction. Others' removals
 * are kept off the parts meanwhile; after a failure or a crash nothing of it is left.
 */
export class ImageIntake {
  readonly #deps: ImageIntakeDeps;

  constructor(deps: ImageIntakeDeps) {
    this.#deps = deps;
  }

  async take(found: ArchiveImage, signal: AbortSignal, options: IntakeOptions = {}): Promise<Taken> {
    const { adder, garbage, leases } = this.#deps;
    const { images, index } = found;
    const others = index?.others.flatMap(({ blobs }) => blobs.map(({ blob }) => blob)) ?? [];
    using lease = leases.hold([...images.flatMap(leaseNames), ...others.map(({ digest }) => digest)]);
    try {
      const prepared: PreparedImage[] = [];
      for (const image of images) prepared.push(await adder.prepare(image, signal));
      options.inspect?.(prepared);
      for (const blob of others) await blob.publish();
      return this.#commit(found, prepared);
    } catch (error) {
      lease[Symbol.dispose]();
      const blobs = [
        ...images.flatMap(({ layers }) => layers.map(({ blob }) => blob.digest)),
        ...others.map(({ digest }) => digest),
      ];
      garbage.collect(blobs, options.rescue);
      await garbage.settled();
      throw signal.aborted ? abortError(signal) : error;
    }
  }

  /** Gives an image that is here another name. @returns what the name meant before, if that was something else. */
  name(reference: Reference, named: NamedTarget): NamedTarget | undefined {
    const { table, catalog } = this.#deps;
    const name = canonicalReference(reference);
    const previous = table.ofName(name);
    table.setName(name, named);
    catalog.refreshNamed(previous, named);
    return previous?.imageId === named.imageId ? undefined : previous;
  }

  #commit({ tags, index, images }: ArchiveImage, prepared: readonly PreparedImage[]): Taken {
    const { table, manifests, catalog } = this.#deps;
    const previous = new Map<Reference, NamedTarget>();
    let primary = prepared[0]?.id;
    table.transaction(() => {
      for (const { insert } of prepared) insert();
      for (const { digest, mediaType, content, blobs } of index?.others ?? []) {
        const rows = blobs.map(({ position, blob, mediaType: type }) => ({
          position,
          digest: blob.digest,
          sizeBytes: blob.sizeBytes,
          mediaType: type,
        }));
        manifests.insert({ digest, mediaType, content, blobs: rows });
      }
      if (index) manifests.insert({ ...index, blobs: [] });
      for (const { id } of prepared) catalog.refresh(id);
      primary = this.#primary(prepared, index?.digest);
      const target = index?.digest ?? images[0].manifest?.digest;
      const named = { imageId: primary, ...(target === undefined ? {} : { target }) };
      for (const tag of tags) {
        const before = this.name(tag, named);
        if (before) previous.set(tag, before);
      }
    });
    if (primary === undefined) throw new TypeError('there is at least one image');
    for (const { id } of prepared) catalog.refresh(id);
    const image = catalog.byId(primary);
    if (!image) throw new TypeError('its row was written above');
    return { image, previous };
  }

  /** Of all that an index leads to and that is here, the one that fits this host best. */
  #primary(prepared: readonly PreparedImage[], index: Digest | undefined): Digest {
    const { manifests, catalog, platform } = this.#deps;
    const here =
      index === undefined ? [] : manifests.membersOf(index).flatMap(({ imageId }) => imageId ?? []);
    const [best] = [...prepared.map(({ id }) => id), ...here]
      .map(id => ({ id, fit: platformFit(platform, catalog.byId(id)?.platform ?? platform) }))
      .toSorted((one, other) => other.fit - one.fit);
    if (!best) throw new TypeError('there is at least one image');
    return best.id;
  }
}
