import { at, isObject, type Json, numberAt, objectAt, textAt } from '#client/json';
import { humanSize } from './human.ts';
import type { Row } from './row.ts';
import type { Listing } from './row-writer.ts';

export const volumeListing: Listing = {
  headers: {
    Driver: 'DRIVER',
    Name: 'VOLUME NAME',
    Scope: 'SCOPE',
    Mountpoint: 'MOUNTPOINT',
    Labels: 'LABELS',
    Links: 'LINKS',
    Size: 'SIZE',
    Availability: 'AVAILABILITY',
    Group: 'GROUP',
    Status: 'STATUS',
  },
  columns: ['Driver', 'Name'],
  quietField: 'Name',
};

/** One entry of `GET /volumes`, or of the disk usage: only there it has links and a size. */
export function volumeRow(json: Json): Row {
  const labels = objectAt(json, 'Labels');
  const usage = at(json, 'UsageData');
  return {
    Availability: 'N/A',
    Driver: textAt(json, 'Driver'),
    Group: 'N/A',
    Label: name => textAt(labels, String(name)),
    Labels: Object.keys(labels)
      .sort()
      .map(name => `${name}=${textAt(labels, name)}`)
      .join(','),
    Links: isObject(usage) ? String(numberAt(usage, 'RefCount')) : 'N/A',
    Mountpoint: textAt(json, 'Mountpoint'),
    Name: textAt(json, 'Name'),
    Scope: textAt(json, 'Scope'),
    Size: isObject(usage) ? sizeText(numberAt(usage, 'Size')) : 'N/A',
    Status: 'N/A',
  };
}

/** Drivers that cannot tell say -1. */
function sizeText(bytes: number): string {
  return bytes < 0 ? `${bytes}B` : humanSize(bytes);
}
