import type { Reference } from '#spec/reference';
import type { NewImage } from './image-adder.ts';

/** One image of an archive, and the tags it shall have. */
export interface ArchiveImage {
  readonly image: NewImage;
  readonly tags: readonly Reference[];
}
