import { type Json, listAt, objectAt, textAt, textsAt } from '#client/json';
import { command } from '../command.ts';
import { filtersQuery } from '../filters.ts';
import { byName } from '../format/by-name.ts';
import { formatHelp } from '../format/format-help.ts';
import type { Row } from '../format/row.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';

const listing: Listing = {
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

export const list = command({
  usage: 'volume ls [OPTIONS]',
  summary: 'List volumes',
  flags: {
    filter: {
      type: 'list',
      short: 'f',
      shows: 'filter',
      help: 'Provide filter values (e.g. "dangling=true")',
    },
    format: { type: 'string', help: formatHelp },
    quiet: { type: 'bool', short: 'q', help: 'Only display volume names' },
  },
  args: { min: 0, max: 0 },
  async run({ client, stdout, warn }, { flags }) {
    const result = await client.call('GET', '/volumes', { query: filtersQuery(flags.filter, 'f') });
    for (const warning of textsAt(result, 'Warnings')) warn(`WARNING: ${warning}`);
    const rows = byName(listAt(result, 'Volumes')).map(volumeRow);
    stdout.write(await renderRows(rows, listing, flags));
    return 0;
  },
});

function volumeRow(json: Json): Row {
  const labels = objectAt(json, 'Labels');
  return {
    Availability: 'N/A',
    Driver: textAt(json, 'Driver'),
    Group: 'N/A',
    Label: name => textAt(labels, String(name)),
    Labels: Object.keys(labels)
      .sort()
      .map(name => `${name}=${textAt(labels, name)}`)
      .join(','),
    Links: 'N/A',
    Mountpoint: textAt(json, 'Mountpoint'),
    Name: textAt(json, 'Name'),
    Scope: textAt(json, 'Scope'),
    Size: 'N/A',
    Status: 'N/A',
  };
}
