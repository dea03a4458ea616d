import { flagAt, type Json, listAt, objectAt, textAt } from '#client/json';
import { command } from '../command.ts';
import { filtersQuery } from '../filters.ts';
import { byName } from '../format/by-name.ts';
import { formatHelp } from '../format/format-help.ts';
import { localTime } from '../format/human.ts';
import type { Row } from '../format/row.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';

const listing: Listing = {
  headers: {
    ID: 'NETWORK ID',
    Name: 'NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    IPv4: 'IPV4',
    IPv6: 'IPV6',
    Internal: 'INTERNAL',
    Labels: 'LABELS',
    CreatedAt: 'CREATED AT',
  },
  columns: ['ID', 'Name', 'Driver', 'Scope'],
  quietField: 'ID',
};

export const list = command({
  usage: 'network ls [OPTIONS]',
  summary: 'List networks',
  flags: {
    filter: {
      type: 'list',
      short: 'f',
      shows: 'filter',
      help: 'Provide filter values (e.g. "driver=bridge")',
    },
    format: { type: 'string', help: formatHelp },
    'no-trunc': { type: 'bool', help: 'Do not truncate the output' },
    quiet: { type: 'bool', short: 'q', help: 'Only display network IDs' },
  },
  args: { min: 0, max: 0 },
  async run({ client, stdout }, { flags }) {
    const result = await client.call('GET', '/networks', { query: filtersQuery(flags.filter, 'f') });
    const rows = byName(listAt(result)).map(json => networkRow(json, !flags['no-trunc']));
    stdout.write(await renderRows(rows, listing, flags));
    return 0;
  },
});

function networkRow(json: Json, truncate: boolean): Row {
  const labels = objectAt(json, 'Labels');
  const id = textAt(json, 'Id');
  return {
    get CreatedAt() {
      const created = textAt(json, 'Created');
      return created ? localTime(Date.parse(created), /\.\d*[1-9]/.exec(created)?.[0]) : '';
    },
    Driver: textAt(json, 'Driver'),
    ID: truncate ? id.slice(0, 12) : id,
    IPv4: String(flagAt(json, 'EnableIPv4')),
    IPv6: String(flagAt(json, 'EnableIPv6')),
    Internal: String(flagAt(json, 'Internal')),
    Label: name => textAt(labels, String(name)),
    Labels: Object.keys(labels)
      .sort()
      .map(name => `${name}=${textAt(labels, name)}`)
      .join(','),
    Name: textAt(json, 'Name'),
    Scope: textAt(json, 'Scope'),
  };
}
