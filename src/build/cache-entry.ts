import type { Digest } from '#base/ids';

/** What is kept of one step, so that it need not be done again; or a folder of `RUN --mount=type=cache`. */
export interface BuildCacheEntry {
  readonly id: string;
  readonly kind: 'regular' | 'exec.cachemount';
  /** the step, or the place of the folder */
  readonly description: string;
  /** of the layer, and of its blob where that is kept beside */
  readonly sizeBytes: number;
  /** Entries that lead to the same layer have it together: it is on the disk once. */
  readonly chainId?: Digest;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly useCount: number;
  /** a build needs it now */
  readonly isInUse: boolean;
  /** an image has the same layer: removing the entry frees nothing */
  readonly isShared: boolean;
  readonly parents: readonly string[];
}

/** Bytes that go with these entries: what images have stays, and what several have counts once. */
export function ownBytes(entries: Iterable<BuildCacheEntry>): number {
  const seen = new Set<Digest>();
  let bytes = 0;
  for (const { chainId, isShared, sizeBytes } of entries) {
    if (isShared || (chainId !== undefined && seen.has(chainId))) continue;
    if (chainId !== undefined) seen.add(chainId);
    bytes += sizeBytes;
  }
  return bytes;
}
