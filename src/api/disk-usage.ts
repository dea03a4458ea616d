import type { Digest } from '#base/ids';
import type { BuildService } from '#build/build-service';
import type { ContainerService } from '#container/container-service';
import type { ImageService } from '#image/image-service';
import type { VolumeService } from '#volume/volume-service';
import type { ApiMinor } from './api-version.ts';
import { buildCacheToWire } from './build-wire.ts';
import { summarize } from './container-list.ts';
import { imageSummaryToWire } from './image-wire.ts';
import { SharedLayers } from './shared-layers.ts';
import { volumeToWire } from './volume-wire.ts';

export interface DiskUsageDeps {
  readonly containers: Pick<ContainerService, 'list' | 'sizes' | 'usersOfImage'>;
  readonly images: Pick<ImageService, 'list' | 'find' | 'keptBytes'>;
  readonly volumes: Pick<VolumeService, 'list' | 'sizes' | 'usersOf'>;
  readonly builds: Pick<BuildService, 'cacheEntries' | 'ownBytes'>;
}

export const DISK_USAGE_TYPES = ['container', 'image', 'volume', 'build-cache'] as const;
export type DiskUsageType = (typeof DISK_USAGE_TYPES)[number];

export interface DiskUsageRequest {
  readonly types: readonly DiskUsageType[];
  readonly version: ApiMinor;
  readonly isVerbose: boolean;
  readonly signal: AbortSignal;
}

/** `GET /system/df`: flat lists up to 1.52, one summary per type since then; 1.52 has both. */
export async function diskUsage(deps: DiskUsageDeps, request: DiskUsageRequest): Promise<object> {
  const { types, version, isVerbose } = request;
  const images = types.includes('image') ? imageUsage(deps, version) : undefined;
  const containers = types.includes('container') ? await containerUsage(deps, request) : undefined;
  const volumes = types.includes('volume') ? await volumeUsage(deps, request) : undefined;
  const cache = types.includes('build-cache') ? buildCacheUsage(deps, version) : undefined;
  const summary = (usage: Usage | undefined) => usage && toSummary(usage, isVerbose);
  const current = {
    ImageUsage: summary(images),
    ContainerUsage: summary(containers),
    VolumeUsage: summary(volumes),
    BuildCacheUsage: summary(cache),
  };
  const legacy = {
    ...(version < 42 ? { BuilderSize: cache?.total ?? 0 } : {}),
    LayersSize: images?.total ?? 0,
    Images: images?.items ?? null,
    Containers: containers?.items ?? null,
    Volumes: volumes?.items ?? null,
    BuildCache: cache?.items ?? null,
  };
  return {
    ...(version < 52 || (version === 52 && !isVerbose) ? legacy : {}),
    ...(version >= 52 ? current : {}),
  };
}

const UNKNOWN_SIZE = -1;

interface Usage {
  readonly items: readonly object[];
  readonly total: number;
  readonly active: number;
  readonly reclaimable: number;
}

function toSummary({ items, total, active, reclaimable }: Usage, isVerbose: boolean) {
  return {
    ActiveCount: active,
    TotalCount: items.length,
    Reclaimable: reclaimable,
    TotalSize: total,
    ...(isVerbose ? { Items: items } : {}),
  };
}

/**
 * Layers are counted once, however many images have them, and with them the blobs that are kept beside; what images in use have
 * cannot be reclaimed. What the build cache holds too counts here, and not there.
 */
function imageUsage({ images, containers }: DiskUsageDeps, version: ApiMinor): Usage {
  const all = images.list();
  const keptBytes = (blob: Digest): number => images.keptBytes(blob);
  const shared = new SharedLayers(all, keptBytes);
  const measured = all.map(image => ({ image, users: containers.usersOfImage(image.id).length }));
  const active = measured.filter(({ users }) => users > 0).map(({ image }) => image);
  const total = shared.totalBytes;
  return {
    // Here the number of users is always told.
    items: measured.map(({ image, users }) => ({
      ...imageSummaryToWire(image, { version, containers: users, sharedBytes: shared.sharedBytes(image) }),
      // Clients that get no sums take what images in use have from the total, in which the blobs are.
      ...(version < 52 ? { Size: image.sizeBytes + shared.ownBlobBytes(image) } : {}),
      Containers: users,
    })),
    total,
    active: active.length,
    reclaimable: total - new SharedLayers(active, keptBytes).totalBytes,
  };
}

async function containerUsage(deps: DiskUsageDeps, { version, signal }: DiskUsageRequest): Promise<Usage> {
  const views = deps.containers.list({ all: true, filters: new Map() });
  const summaries = await summarize(deps, views, { version, size: true, signal });
  return usageOf(
    summaries.map(item => ({
      item,
      size: item.SizeRw ?? 0,
      isActive: ['running', 'paused', 'restarting'].includes(item.State),
    })),
  );
}

async function volumeUsage({ volumes }: DiskUsageDeps, { signal }: DiskUsageRequest): Promise<Usage> {
  const all = volumes.list();
  const sizes = await volumes.sizes(all, { signal });
  const measured = [];
  for (const volume of all) {
    // Docker's −1: not known, as it is on no disk of the engine's
    const size = sizes.get(volume.name)?.sizeBytes ?? UNKNOWN_SIZE;
    const users = volumes.usersOf(volume.name).length;
    const item = { ...volumeToWire(volume), UsageData: { RefCount: users, Size: size } };
    measured.push({ item, size, isActive: users > 0 });
  }
  return usageOf(measured);
}

/** What images share is on the disk for them: it counts there. */
function buildCacheUsage({ builds }: DiskUsageDeps, version: ApiMinor): Usage {
  const entries = builds.cacheEntries();
  const total = builds.ownBytes(entries);
  return {
    items: entries.map(entry => buildCacheToWire(entry, version)),
    total,
    active: entries.filter(({ isInUse }) => isInUse).length,
    reclaimable: total - builds.ownBytes(entries.filter(({ isInUse }) => isInUse)),
  };
}

function usageOf(measured: readonly { item: object; size: number; isActive: boolean }[]): Usage {
  const sum = (list: readonly { size: number }[]): number =>
    list.reduce((total, { size }) => total + Math.max(0, size), 0);
  return {
    items: measured.map(({ item }) => item),
    total: sum(measured),
    active: measured.filter(({ isActive }) => isActive).length,
    reclaimable: sum(measured.filter(({ isActive }) => !isActive)),
  };
}
