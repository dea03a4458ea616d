import type { Abortable } from '#base/abortable';
import { throwIfAborted } from '#base/abortable';
import { type BuildCacheEntry, ownBytes } from './cache-entry.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { StepCache } from './step-cache.ts';

export interface CachePruneOptions extends Abortable {
  /** also what an image shares: that frees nothing, and makes the next build do it again */
  readonly all?: boolean;
  /** keep the ones that were used last, up to so many bytes */
  readonly keepBytes?: number;
  /** only what was not used since; milliseconds since 1970 */
  readonly unusedSince?: number;
  readonly ids?: readonly string[];
}

export interface CachePruneReport {
  readonly deleted: readonly string[];
  readonly reclaimedBytes: number;
}

/** @param entries newest use first */
export async function pruneCache(
  entries: readonly BuildCacheEntry[],
  options: CachePruneOptions,
  { cache, mounts }: { readonly cache: StepCache; readonly mounts: CacheMounts },
): Promise<CachePruneReport> {
  const chosen = new Map(choose(entries, options).map(entry => [entry.id, entry]));
  const gone = cache.remove(cache.list().filter(({ id }) => chosen.has(id))).map(({ id }) => id);
  for (const record of mounts.list()) {
    throwIfAborted(options.signal);
    if (!chosen.has(record.id) || mounts.isInUse(record)) continue;
    await mounts.remove(record);
    gone.push(record.id);
  }
  const kept = new Set(cache.list().flatMap(({ layer }) => layer?.chainId ?? []));
  const freed = gone
    .flatMap(id => chosen.get(id) ?? [])
    .filter(({ chainId }) => chainId === undefined || !kept.has(chainId));
  return { deleted: gone, reclaimedBytes: ownBytes(freed) };
}

/** What the options mean, of entries that nobody needs now. */
export function choose(
  entries: readonly BuildCacheEntry[],
  { all = false, keepBytes = 0, unusedSince, ids }: CachePruneOptions,
): BuildCacheEntry[] {
  let kept = 0;
  return entries.filter(entry => {
    if (entry.isInUse || (entry.isShared && !all)) return false;
    if (ids && !ids.some(id => entry.id.startsWith(id))) return false;
    if (unusedSince !== undefined && entry.lastUsedAt >= unusedSince) return false;
    if (keepBytes > 0 && kept + entry.sizeBytes <= keepBytes) {
      kept += entry.sizeBytes;
      return false;
    }
    return true;
  });
}
