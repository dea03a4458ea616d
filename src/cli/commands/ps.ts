import { isObject } from '#client/json';
import { command } from '../command.ts';
import { filtersQuery } from '../filters.ts';
import { containerListing, containerRow } from '../format/container-row.ts';
import { formatHelp } from '../format/format-help.ts';
import { renderRows } from '../format/row-writer.ts';

export const ps = command({
  usage: 'ps [OPTIONS]',
  summary: 'List containers',
  flags: {
    all: { type: 'bool', short: 'a', help: 'Show all containers (default shows just running)' },
    filter: { type: 'list', short: 'f', shows: 'filter', help: 'Filter output based on conditions provided' },
    format: { type: 'string', help: formatHelp },
    last: { type: 'int', short: 'n', help: 'Show n last created containers (includes all states)' },
    latest: { type: 'bool', short: 'l', help: 'Show the latest created container (includes all states)' },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    quiet: { type: 'bool', short: 'q', help: 'Only display container IDs' },
    size: { type: 'bool', short: 's', help: 'Display total file sizes' },
  },
  args: { min: 0, max: 0 },
  async run({ client, stdout, now }, { flags }) {
    const size = flags.size || /\.Size\b|json \.\W/.test(flags.format);
    const limit = flags.latest ? 1 : flags.last;
    const query = {
      all: flags.all || undefined,
      limit: limit !== undefined && limit > 0 ? limit : undefined,
      size: size || undefined,
      ...filtersQuery(flags.filter, 'f'),
    };
    const list = await client.call('GET', '/containers/json', { query });
    const options = { now: now(), truncate: !flags['no-trunc'] };
    const rows = Array.isArray(list) ? list.filter(isObject).map(one => containerRow(one, options)) : [];
    const listing = flags.size
      ? { ...containerListing, columns: [...containerListing.columns, 'Size'] }
      : containerListing;
    stdout.write(await renderRows(rows, listing, flags));
    return 0;
  },
});
