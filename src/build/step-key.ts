import { type Digest, digestOf } from '#base/ids';

/** A new number makes every step be done again: for when they are done in another way. */
const RECIPE = 1;

/**
 * What a step is found by in the cache: what is done, over which files, with what. Everything that makes a difference to the files it
 * leaves is in it, and nothing else: the layers below go in by content, names of images and instructions that change no file do not.
 */
export function stepKey(kind: string, parts: Readonly<Record<string, unknown>>): Digest {
  const sorted = Object.entries(parts).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return digestOf(JSON.stringify([RECIPE, kind, sorted]));
}
