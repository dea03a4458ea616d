import { flagAt, type Json, listAt, numberAt, textAt, textsAt } from '#client/json';
import { parseName } from '#spec/reference';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { authHeader } from '../credentials/auth-header.ts';
import { filtersQuery } from '../filters.ts';
import { formatHelp } from '../format/format-help.ts';
import { ellipsis } from '../format/human.ts';
import type { Row } from '../format/row.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';

const listing: Listing = {
  headers: { Name: 'NAME', Description: 'DESCRIPTION', StarCount: 'STARS', IsOfficial: 'OFFICIAL' },
  columns: ['Name', 'Description', 'StarCount', 'IsOfficial'],
  quietField: 'Name',
};

export const search = command({
  usage: 'search [OPTIONS] TERM',
  summary: 'Search registries for images',
  flags: {
    filter: { type: 'list', short: 'f', shows: 'filter', help: 'Filter output based on conditions provided' },
    format: { type: 'string', help: formatHelp },
    limit: { type: 'int', help: 'Max number of search results' },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    tags: { type: 'bool', help: 'List the tags of a repository instead, as TERM names it' },
  },
  args: { min: 1, max: 1 },
  async run(context, { flags, args: [term = ''] }) {
    if (flags.tags) return listTags(context, term, flags);
    const query = { term, limit: flags.limit || undefined, ...filtersQuery(flags.filter, 'f') };
    const headers = await authHeader(context, registryOf(term));
    const found = listAt(await context.client.call('GET', '/images/search', { query, headers }));
    const rows = found.map(one =>
      searchRow(one, { isJson: flags.format === 'json', truncate: !flags['no-trunc'] }),
    );
    context.stdout.write(await renderRows(rows, listing, { format: flags.format, quiet: false }));
    return 0;
  },
});

const tagListing: Listing = {
  headers: { Name: 'NAME', Tag: 'TAG' },
  columns: ['Name', 'Tag'],
  quietField: 'Tag',
};

async function listTags(
  context: CliContext,
  name: string,
  { format, limit = 0 }: { readonly format: string; readonly limit: number | undefined },
): Promise<number> {
  const { domain } = parseName(name);
  const headers = await authHeader(context, domain);
  const found = await context.client.call('GET', '/quai/registry/tags', { query: { name }, headers });
  // registries have an order of their own, or none: `2` before `10`
  const tags = textsAt(found, 'Tags').toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const rows = tags.slice(0, limit > 0 ? limit : tags.length).map(tag => ({ Name: name, Tag: tag }));
  context.stdout.write(await renderRows(rows, tagListing, { format, quiet: false }));
  return 0;
}

/** `registry.example.org/nginx` is looked for there, anything else at Docker Hub. */
function registryOf(term: string): string {
  const first = /^([^/]+)\//.exec(term)?.[1] ?? '';
  return first === 'localhost' || /[.:]/.test(first) ? first : 'docker.io';
}

const DESCRIPTION_LENGTH = 45;

function searchRow(
  json: Json,
  { isJson, truncate }: { readonly isJson: boolean; readonly truncate: boolean },
): Row {
  const description = textAt(json, 'description').replace(/[\n\r]/g, ' ');
  const isOfficial = flagAt(json, 'is_official');
  return {
    Name: textAt(json, 'name'),
    Description: truncate ? ellipsis(description, DESCRIPTION_LENGTH) : description,
    StarCount: String(numberAt(json, 'star_count')),
    IsOfficial: isJson ? String(isOfficial) : isOfficial ? '[OK]' : '',
  };
}
