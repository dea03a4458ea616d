import type { Image } from '#image/image';
import type { ImageService } from '#image/image-service';
import { booleanFilter, type Filters, matchesLabels } from '#spec/docker/filters';
import { untilFilter } from './until-filter.ts';

export const IMAGE_FILTERS = ['before', 'dangling', 'label', 'reference', 'since', 'until'];

/** The images that pass all filters, newest first; of each only the names that `reference` accepts. */
export function filterImages(images: Pick<ImageService, 'list' | 'get'>, filters: Filters): Image[] {
  const isOld = untilFilter(filters);
  const before = boundary(images, filters, 'before', Math.min);
  const since = boundary(images, filters, 'since', Math.max);
  return images
    .list()
    .filter(({ isVariant }) => !isVariant)
    .flatMap(image => namedAs(image, filters.get('reference')))
    .filter(
      image =>
        matchesLabels(filters, 'label', image.config.Labels) &&
        isOld(createdAt(image)) &&
        (before === undefined || createdAt(image) < before) &&
        (since === undefined || createdAt(image) > since) &&
        (!filters.has('dangling') || booleanFilter(filters, 'dangling', false) === isDangling(image)),
    )
    .toSorted((one, other) => createdAt(other) - createdAt(one));
}

/** Whether it has no tag: a digest alone is what a tag that has moved on leaves behind (as Docker judges). */
export function isDangling({ repoTags }: Image): boolean {
  return repoTags.length === 0;
}

/** @throws {EngineError} `notFound` for an image that is not there. */
function boundary(
  images: Pick<ImageService, 'get'>,
  filters: Filters,
  name: string,
  pick: (...times: number[]) => number,
): number | undefined {
  const given = filters.get(name) ?? [];
  return given.length > 0 ? pick(...given.map(reference => createdAt(images.get(reference)))) : undefined;
}

function namedAs(image: Image, patterns: readonly string[] | undefined): Image[] {
  if (!patterns || patterns.length === 0) return [image];
  const isWanted = (name: string): boolean => patterns.some(pattern => matchesName(pattern, name));
  const repoTags = image.repoTags.filter(isWanted);
  const repoDigests = image.repoDigests.filter(isWanted);
  return repoTags.length + repoDigests.length > 0 ? [{ ...image, repoTags, repoDigests }] : [];
}

/** Go's `path.Match` on the whole name, or on the part without tag and digest. */
function matchesName(pattern: string, name: string): boolean {
  const bare = name.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  return glob(pattern, name) || glob(pattern, bare);
}

const MAX_PATTERN = 256;

/** `*` and `?` do not cross a slash. Works without backtracking over more than the last `*`. */
function glob(pattern: string, text: string): boolean {
  if (pattern.length > MAX_PATTERN) return false;
  let [at, star, mark] = [0, -1, 0];
  let index = 0;
  while (index < text.length) {
    const wanted = pattern[at];
    const isSlash = text[index] === '/';
    if (wanted === '*') {
      star = at++;
      mark = index;
    } else if (wanted === text[index] || (wanted === '?' && !isSlash)) {
      at++;
      index++;
    } else if (star >= 0 && text[mark] !== '/') {
      at = star + 1;
      index = ++mark;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}

function createdAt(image: Image): number {
  return image.createdAt ?? 0;
}
