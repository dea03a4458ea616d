import type { Image } from '../image.ts';

/** What the engine removes by itself. */
export interface CleanupPolicy {
  /** images without a tag that nobody used for so many days; absent: they stay */
  readonly danglingDays?: number;
  /** all images that nobody used for so many days; absent: tagged ones stay */
  readonly unusedDays?: number;
  /** images with one of these labels (`key` or `key=value`) stay */
  readonly keepLabels: readonly string[];
  /** percent of the disk: above `high`, the least recently used images go until it is below `low` */
  readonly water?: { readonly high: number; readonly low: number };
}

/** Untagged images go after a week. Tagged ones, volumes and containers are never touched unless that was asked for. */
export const DEFAULT_CLEANUP: CleanupPolicy = { danglingDays: 7, keepLabels: [] };

export interface CleanupFacts {
  /** milliseconds since 1970 */
  readonly now: number;
  readonly isUsed: (image: Image) => boolean;
  /** of the file system with the images */
  readonly disk: { readonly usedBytes: number; readonly totalBytes: number };
}

export interface CleanupItem {
  readonly image: Image;
  readonly reason: 'dangling' | 'unused' | 'disk';
  /** of the layers that no image has that stays */
  readonly freedBytes: number;
}

const DAY_MS = 24 * 3600 * 1000;

/**
 * What should go, the least recently used first. Never an image that a container has, whatever its state, and none that
 * came or was used within a day.
 */
export function planCleanup(
  images: readonly Image[],
  policy: CleanupPolicy,
  facts: CleanupFacts,
): CleanupItem[] {
  const { disk } = facts;
  const owners = new LayerOwners(images);
  const candidates = removable(images, policy, facts).toSorted((one, other) => one.usedAt - other.usedAt);
  const items: CleanupItem[] = [];
  const take = (image: Image, reason: CleanupItem['reason']): void => {
    items.push({ image, reason, freedBytes: owners.release(image) });
  };
  const left = candidates.filter(candidate => {
    const reason = ageReason(candidate, policy, facts);
    if (reason) take(candidate.image, reason);
    return !reason;
  });
  const { water } = policy;
  let used = disk.usedBytes - items.reduce((sum, { freedBytes }) => sum + freedBytes, 0);
  if (!water || used <= (disk.totalBytes * water.high) / 100) return items;
  for (const { image } of left) {
    if (used <= (disk.totalBytes * water.low) / 100) break;
    take(image, 'disk');
    used -= items.at(-1)?.freedBytes ?? 0;
  }
  return items;
}

/** An image that may go, and when it was last of use: as the image of its names, whichever of them is for another platform. */
export interface Removable {
  readonly image: Image;
  readonly usedAt: number;
}

/** What nothing says against. Images that share a name go with it together: all of them must be old, unused and not kept. */
export function removable(
  images: readonly Image[],
  { keepLabels }: Pick<CleanupPolicy, 'keepLabels'>,
  { now, isUsed }: Pick<CleanupFacts, 'now' | 'isUsed'>,
): Removable[] {
  const byName = new Map<string, Image[]>();
  for (const image of images) {
    for (const name of image.repoTags) byName.set(name, [...(byName.get(name) ?? []), image]);
  }
  return images.flatMap(image => {
    const together = [image, ...image.repoTags.flatMap(name => byName.get(name) ?? [])];
    const lastUse = Math.max(...together.map(usedAt));
    const mustStay = now - lastUse < DAY_MS || together.some(one => isUsed(one) || isKept(one, keepLabels));
    return mustStay ? [] : [{ image, usedAt: lastUse }];
  });
}

function ageReason(
  { image, usedAt }: Removable,
  { danglingDays, unusedDays }: CleanupPolicy,
  { now }: CleanupFacts,
): 'dangling' | 'unused' | undefined {
  const days = (now - usedAt) / DAY_MS;
  if (unusedDays !== undefined && days >= unusedDays) return 'unused';
  const isDangling = image.repoTags.length === 0;
  return isDangling && danglingDays !== undefined && days >= danglingDays ? 'dangling' : undefined;
}

/** When it was last of use to anybody; that it came here and that it was tagged count too. */
function usedAt({ addedAt, lastTaggedAt = 0, lastUsedAt = 0 }: Image): number {
  return Math.max(addedAt, lastTaggedAt, lastUsedAt);
}

function isKept({ config: { Labels } }: Image, labels: readonly string[]): boolean {
  return labels.some(label => {
    const mark = label.indexOf('=');
    const key = mark < 0 ? label : label.slice(0, mark);
    return Object.hasOwn(Labels, key) && (mark < 0 || Labels[key] === label.slice(mark + 1));
  });
}

/** How many images that stay have a layer. */
class LayerOwners {
  readonly #counts = new Map<string, number>();

  constructor(images: readonly Image[]) {
    for (const { layers } of images) {
      for (const { chainId } of layers) this.#counts.set(chainId, (this.#counts.get(chainId) ?? 0) + 1);
    }
  }

  /** @returns bytes of the layers that have no owner now. */
  release({ layers }: Image): number {
    let freed = 0;
    for (const { chainId, sizeBytes } of layers) {
      const left = (this.#counts.get(chainId) ?? 1) - 1;
      this.#counts.set(chainId, left);
      if (left === 0) freed += sizeBytes;
    }
    return freed;
  }
}
