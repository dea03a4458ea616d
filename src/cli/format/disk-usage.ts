import { at, flagAt, type Json, listAt, numberAt, textAt } from '#client/json';
import { humanSize } from './human.ts';
import type { Row } from './row.ts';

/** What one kind of object takes on disk. */
export interface KindUsage {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly sizeBytes: number;
  readonly reclaimableBytes: number;
  /** Empty unless asked for by `verbose`, from engines that give sums. */
  readonly items: readonly Json[];
}

/** The kinds, in the order in which Docker lists them. */
export interface DiskUsage {
  readonly images: KindUsage;
  readonly containers: KindUsage;
  readonly volumes: KindUsage;
  readonly buildCache: KindUsage;
}

/** Reads `GET /system/df`: sums since API 1.52, lists to be summed up before. */
export function readDiskUsage(json: Json): DiskUsage {
  return {
    images: sums(json, 'Images', 'ImageUsage') ?? imageUsage(json),
    containers: sums(json, 'Containers', 'ContainerUsage') ?? containerUsage(json),
    volumes: sums(json, 'Local Volumes', 'VolumeUsage') ?? volumeUsage(json),
    buildCache: sums(json, 'Build Cache', 'BuildCacheUsage') ?? cacheUsage(json),
  };
}

function sums(json: Json, type: string, name: string): KindUsage | undefined {
  const usage = at(json, name);
  if (usage === undefined || usage === null) return undefined;
  return {
    type,
    total: numberAt(usage, 'TotalCount'),
    active: numberAt(usage, 'ActiveCount'),
    sizeBytes: numberAt(usage, 'TotalSize'),
    reclaimableBytes: numberAt(usage, 'Reclaimable'),
    items: listAt(usage, 'Items'),
  };
}

function imageUsage(json: Json): KindUsage {
  const items = listAt(json, 'Images');
  const active = items.filter(one => numberAt(one, 'Containers') > 0);
  const sizeBytes = numberAt(json, 'LayersSize');
  const isMeasured = (one: Json): boolean =>
    numberAt(one, 'Size') !== -1 && numberAt(one, 'SharedSize') !== -1;
  const used = sum(active.filter(isMeasured), one => numberAt(one, 'Size') - numberAt(one, 'SharedSize'));
  return {
    type: 'Images',
    total: items.length,
    active: active.length,
    sizeBytes,
    reclaimableBytes: Math.max(0, sizeBytes - used),
    items,
  };
}

function containerUsage(json: Json): KindUsage {
  const items = listAt(json, 'Containers');
  const isActive = (one: Json): boolean => /running|paused|restarting/.test(textAt(one, 'State'));
  return summedUp('Containers', items, one => numberAt(one, 'SizeRw'), isActive);
}

function volumeUsage(json: Json): KindUsage {
  const size = (one: Json): number => Math.max(0, numberAt(one, 'UsageData', 'Size'));
  const isActive = (one: Json): boolean => numberAt(one, 'UsageData', 'RefCount') > 0;
  return summedUp('Local Volumes', listAt(json, 'Volumes'), size, isActive);
}

/** What is shared is an image's too, and counted there. */
function cacheUsage(json: Json): KindUsage {
  const size = (one: Json): number => (flagAt(one, 'Shared') ? 0 : numberAt(one, 'Size'));
  return summedUp('Build Cache', listAt(json, 'BuildCache'), size, one => flagAt(one, 'InUse'));
}

function summedUp(
  type: string,
  items: readonly Json[],
  size: (one: Json) => number,
  isActive: (one: Json) => boolean,
): KindUsage {
  return {
    type,
    total: items.length,
    active: items.filter(isActive).length,
    sizeBytes: sum(items, size),
    reclaimableBytes: sum(
      items.filter(one => !isActive(one)),
      size,
    ),
    items,
  };
}

function sum(items: readonly Json[], size: (one: Json) => number): number {
  return items.reduce<number>((total, one) => total + size(one), 0);
}

/** A line of `system df`. The build cache has no share: all of it can go. */
export function usageRow({ type, total, active, sizeBytes, reclaimableBytes }: KindUsage): Row {
  const hasShare = type !== 'Build Cache' && sizeBytes > 0;
  const share = hasShare ? ` (${Math.trunc((reclaimableBytes * 100) / sizeBytes)}%)` : '';
  return {
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: humanSize(sizeBytes),
    Reclaimable: `${humanSize(reclaimableBytes)}${share}`,
  };
}
