import type { BuildService } from '#build/build-service';
import type { BuildCacheEntry } from '#build/cache-entry';
import type { CachePruneReport } from '#build/cache-prune';
import { booleanFilter, type Filters, matchesExactly, matchesPrefix } from '#spec/docker/filters';
import { untilFilter } from './until-filter.ts';

export const BUILD_CACHE_FILTERS = [
  'until',
  'unused-for', // what `until` was called in API 1.31
  'id',
  'parent',
  'type',
  'description',
  'inuse',
  'shared',
  'private',
  // of `system prune`, for the other kinds of object: the cache has no labels, and as with Docker's engine they say nothing about it
  'label',
  'label!',
];

export interface BuildCachePrune {
  readonly all: boolean;
  readonly filters: Filters;
  readonly keepBytes: number;
}

/** `POST /build/prune`: what no filter keeps. */
export async function pruneBuildCache(
  builds: Pick<BuildService, 'cacheEntries' | 'pruneCache'>,
  { all, filters, keepBytes }: BuildCachePrune,
  signal: AbortSignal,
): Promise<CachePruneReport> {
  const options = { all, ...(keepBytes > 0 ? { keepBytes } : {}), signal };
  if (filters.size === 0) return await builds.pruneCache(options);
  const isOld = untilFilter(withOldName(filters));
  const ids = builds
    .cacheEntries()
    .filter(entry => isOld(entry.lastUsedAt) && fits(entry, filters))
    .map(({ id }) => id);
  return ids.length === 0 ? { deleted: [], reclaimedBytes: 0 } : await builds.pruneCache({ ...options, ids });
}

function withOldName(filters: Filters): Filters {
  const old = filters.get('unused-for');
  return old ? new Map([...filters, ['until', old]]) : filters;
}

function fits(entry: BuildCacheEntry, filters: Filters): boolean {
  const parents = filters.get('parent') ?? [];
  return (
    matchesPrefix(filters, 'id', entry.id) &&
    parents.every(parent => entry.parents.includes(parent)) &&
    matchesExactly(filters, 'type', entry.kind) &&
    (filters.get('description') ?? []).every(part => entry.description.includes(part)) &&
    agrees(filters, 'inuse', entry.isInUse) &&
    agrees(filters, 'shared', entry.isShared) &&
    agrees(filters, 'private', !entry.isShared)
  );
}

/** `inuse` alone, and `inuse=true`, are the same. */
function agrees(filters: Filters, name: string, is: boolean): boolean {
  const given = filters.get(name);
  if (!given || given.length === 0) return true;
  return given.includes('') ? is : booleanFilter(filters, name, is) === is;
}
