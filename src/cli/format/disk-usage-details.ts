import { flagAt, type Json, numberAt, textAt } from '#client/json';
import { containerListing, containerRow } from './container-row.ts';
import type { DiskUsage } from './disk-usage.ts';
import { humanDuration, humanSize } from './human.ts';
import { imageListing, imageRows } from './image-row.ts';
import type { Row } from './row.ts';
import { type Listing, renderRows } from './row-writer.ts';
import { volumeListing, volumeRow } from './volume-row.ts';

interface DetailOptions {
  readonly now: number;
  readonly truncate: boolean;
}

/** The rows of every kind, by the names that a template has for them. */
export interface DetailRows {
  readonly Images: readonly Row[];
  readonly Containers: readonly Row[];
  readonly Volumes: readonly Row[];
  readonly BuildCache: readonly Row[];
}

export function detailRows(usage: DiskUsage, options: DetailOptions): DetailRows {
  return {
    Images: usage.images.items.flatMap(one => imageRows(one, { ...options, digests: false }).slice(0, 1)),
    Containers: usage.containers.items.map(one => {
      // the size alone: that of the image is in its own table
      return { ...withOwn(containerRow(one, options)), Size: humanSize(numberAt(one, 'SizeRw'), 3) };
    }),
    Volumes: usage.volumes.items.map(volumeRow),
    BuildCache: usage.buildCache.items.map(one => cacheRow(one, options)),
  };
}

/** `system df -v`: a table for each kind. */
export async function detailText(rows: DetailRows, usage: DiskUsage): Promise<string> {
  const table = (list: readonly Row[], listing: Listing): Promise<string> =>
    renderRows(list, listing, { format: '', quiet: false });
  const sections = [
    'Images space usage:\n',
    await table(rows.Images, {
      ...imageListing,
      columns: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize', 'UniqueSize', 'Containers'],
    }),
    'Containers space usage:\n',
    await table(rows.Containers, {
      ...containerListing,
      columns: ['ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor', 'Status', 'Names'],
    }),
    'Local Volumes space usage:\n',
    await table(rows.Volumes, { ...volumeListing, columns: ['Name', 'Links', 'Size'] }),
    `Build cache usage: ${humanSize(usage.buildCache.sizeBytes)}\n`,
    await table(rows.BuildCache, cacheListing),
  ];
  return sections.join('\n');
}

const cacheListing: Listing = {
  headers: {
    ID: 'CACHE ID',
    CacheType: 'CACHE TYPE',
    Size: 'SIZE',
    CreatedSince: 'CREATED',
    LastUsedSince: 'LAST USED',
    UsageCount: 'USAGE',
    Shared: 'SHARED',
  },
  columns: ['ID', 'CacheType', 'Size', 'CreatedSince', 'LastUsedSince', 'UsageCount', 'Shared'],
  quietField: 'ID',
};

function cacheRow(json: Json, { now, truncate }: DetailOptions): Row {
  const since = (name: string): string => {
    const time = Date.parse(textAt(json, name));
    return Number.isNaN(time) ? '' : `${humanDuration(now - time)} ago`;
  };
  const id = textAt(json, 'ID');
  return {
    ID: `${truncate ? id.slice(0, 12) : id}${flagAt(json, 'InUse') ? '*' : ''}`,
    CacheType: textAt(json, 'Type'),
    Description: textAt(json, 'Description'),
    InUse: String(flagAt(json, 'InUse')),
    Shared: String(flagAt(json, 'Shared')),
    Size: humanSize(numberAt(json, 'Size'), 3),
    CreatedAt: textAt(json, 'CreatedAt'),
    CreatedSince: since('CreatedAt'),
    LastUsedAt: textAt(json, 'LastUsedAt'),
    LastUsedSince: since('LastUsedAt'),
    UsageCount: String(numberAt(json, 'UsageCount')),
  };
}

/** The fields of a row that makes them when asked. */
function withOwn(row: Row): Row {
  return Object.fromEntries(Object.entries(row));
}
