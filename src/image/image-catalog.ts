import { messageOf } from '#base/errors';
import { type Digest, isDigest } from '#base/ids';
import type { Logger } from '#base/logger';
import {
  canonicalName,
  canonicalReference,
  parseName,
  type Reference,
  tryParseReference,
} from '#spec/reference';
import type { Image } from './image.ts';
import { imageOf } from './image-record.ts';
import type { ImageTable } from './image-table.ts';

/** The images of the table, kept parsed in memory: every container start asks for one. */
export class ImageCatalog {
  readonly #table: ImageTable;
  readonly #images = new Map<Digest, Image>();

  constructor(table: ImageTable, logger: Logger) {
    this.#table = table;
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
    else this.#images.delete(id);
  }

  list(): Image[] {
    return [...this.#images.values()];
  }

  byId(id: Digest): Image | undefined {
    return this.#images.get(id);
  }

  /** By name, name:tag, name@digest, ID or unique ID prefix, in this order of preference (as Docker). */
  find(text: string): Image | undefined {
    const whole = text.startsWith('sha256:') ? text : `sha256:${text}`;
    if (isDigest(whole)) return this.#images.get(whole);
    const reference = tryParseReference(text);
    return (reference && this.#byName(reference)) ?? this.#byPrefix(whole);
  }

  #byName(reference: Reference): Image | undefined {
    const { digest } = reference;
    const name =
      digest === undefined ? canonicalReference(reference) : `${canonicalName(reference)}@${digest}`;
    const id = this.#table.idOfName(name);
    if (id !== undefined) return this.#images.get(id);
    return digest === undefined ? undefined : this.#byDigest(canonicalName(reference), digest);
  }

  /** An image that came from an archive has no name with a digest, but answers to its own. */
  #byDigest(name: string, digest: Digest): Image | undefined {
    return this.list().find(
      image =>
        (image.manifestDigest === digest || image.id === digest) &&
        image.repoTags.some(tag => canonicalName(parseName(tag)) === name),
    );
  }

  #byPrefix(prefix: string): Image | undefined {
    if (!/^sha256:[0-9a-f]+$/.test(prefix)) return undefined;
    const matches = this.list().filter(({ id }) => id.startsWith(prefix));
    return matches.length === 1 ? matches[0] : undefined;
  }
}
