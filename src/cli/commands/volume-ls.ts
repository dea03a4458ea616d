import { listAt, textsAt } from '#client/json';
import { command } from '../command.ts';
import { filtersQuery } from '../filters.ts';
import { byName } from '../format/by-name.ts';
import { formatHelp } from '../format/format-help.ts';
import { renderRows } from '../format/row-writer.ts';
import { volumeListing, volumeRow } from '../format/volume-row.ts';

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
    size: {
      type: 'bool',
      short: 's',
      help: 'Display what volumes have, and when that was so where it may be another by now',
    },
  },
  args: { min: 0, max: 0 },
  async run(context, { flags }) {
    const { client, stdout, warn } = context;
    const result = await client.call('GET', '/volumes', { query: filtersQuery(flags.filter, 'f') });
    for (const warning of textsAt(result, 'Warnings')) warn(`WARNING: ${warning}`);
    const rows = byName(listAt(result, 'Volumes')).map(volumeRow);
    if (!flags.size) stdout.write(await renderRows(rows, volumeListing, flags));
    else {
      const { sizesOf, withSize, sizeListing } = await import('../format/volume-sizes.ts');
      const sizes = await sizesOf(context);
      const sized = rows.map(row => withSize(row, sizes));
      stdout.write(await renderRows(sized, sizeListing, flags));
    }
    return 0;
  },
});
