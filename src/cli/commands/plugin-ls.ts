import { ApiError } from '#client/api-error';
import { flagAt, type Json, listAt, textAt, textsAt } from '#client/json';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { filtersQuery } from '../filters.ts';
import { formatHelp } from '../format/format-help.ts';
import { ellipsis } from '../format/human.ts';
import type { Row } from '../format/row.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';

const listing: Listing = {
  headers: {
    ID: 'ID',
    Name: 'NAME',
    Description: 'DESCRIPTION',
    Enabled: 'ENABLED',
    PluginReference: 'PLUGIN REFERENCE',
  },
  columns: ['ID', 'Name', 'Description', 'Enabled'],
  quietField: 'ID',
};

export const list = command({
  usage: 'plugin ls [OPTIONS]',
  summary: 'List plugins',
  flags: {
    filter: {
      type: 'list',
      short: 'f',
      shows: 'filter',
      help: 'Provide filter values (e.g. "enabled=true")',
    },
    format: { type: 'string', help: formatHelp },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    quiet: { type: 'bool', short: 'q', help: 'Only display plugin IDs' },
  },
  args: { min: 0, max: 0 },
  async run({ client, stdout }, { flags }) {
    const own = flags.filter.length > 0 ? [] : await ownPlugins(client);
    const plugins = listAt(await client.call('GET', '/plugins', { query: filtersQuery(flags.filter, 'f') }));
    const rows = plugins.map(one => pluginRow(one, !flags['no-trunc']));
    stdout.write(await renderRows([...rows, ...own.map(driverRow)], listing, flags));
    return 0;
  },
});

const DESCRIPTION_LENGTH = 45;

function pluginRow(json: Json, truncate: boolean): Row {
  const id = textAt(json, 'Id');
  const description = textAt(json, 'Config', 'Description').replace(/[\n\r]/g, '');
  return {
    ID: truncate ? id.slice(0, 12) : id,
    Name: textAt(json, 'Name'),
    Description: truncate ? ellipsis(description, DESCRIPTION_LENGTH) : description,
    Enabled: String(flagAt(json, 'Enabled')),
    PluginReference: textAt(json, 'PluginReference'),
  };
}

/** Programs that offer drivers at a socket; only our engine lists them. */
async function ownPlugins(client: CliContext['client']): Promise<readonly Json[]> {
  try {
    return listAt(await client.call('GET', '/quai/plugins'), 'Plugins');
  } catch (error) {
    if (error instanceof ApiError) return []; // another engine, or an older one
    throw error;
  }
}

function driverRow(json: Json): Row {
  const problem = textAt(json, 'Problem');
  return {
    ID: textAt(json, 'Name'),
    Name: textAt(json, 'Name'),
    Description: problem || `${textsAt(json, 'Implements').join(', ')} at ${textAt(json, 'Address')}`,
    Enabled: String(problem === ''),
    PluginReference: '',
  };
}
