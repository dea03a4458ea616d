import { type Json, listAt, numberAt, textAt } from '#client/json';
import { command } from '../command.ts';
import { formatHelp } from '../format/format-help.ts';
import { ellipsis, humanDuration, humanSize } from '../format/human.ts';
import type { Row } from '../format/row.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';
import { platformJson } from '../platform.ts';

const listing: Listing = {
  headers: {
    ID: 'IMAGE',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    CreatedBy: 'CREATED BY',
    Size: 'SIZE',
    Comment: 'COMMENT',
  },
  columns: ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'],
  quietField: 'ID',
};

export const history = command({
  usage: 'history [OPTIONS] IMAGE',
  summary: 'Show the history of an image',
  flags: {
    format: { type: 'string', help: formatHelp },
    human: {
      type: 'bool',
      short: 'H',
      on: true,
      help: 'Print sizes and dates in human readable format (default true)',
    },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    platform: { type: 'string', help: 'Show history for the given platform, as "os[/arch[/variant]]"' },
    quiet: { type: 'bool', short: 'q', help: 'Only show image IDs' },
  },
  args: { min: 1, max: 1 },
  async run({ client, stdout, now }, { flags, args: [image = ''] }) {
    const query = { platform: flags.platform ? platformJson(flags.platform) : undefined };
    const layers = await client.call('GET', `/images/${encodeURIComponent(image)}/history`, { query });
    const options = { now: now(), human: flags.human, truncate: !flags['no-trunc'] };
    const rows = listAt(layers).map(layer => historyRow(layer, options));
    const columns = listing.columns.map(name =>
      name === 'CreatedSince' && !flags.human ? 'CreatedAt' : name,
    );
    stdout.write(await renderRows(rows, { ...listing, columns }, flags));
    return 0;
  },
});

const COMMAND_LENGTH = 45;

function historyRow(
  layer: Json,
  { now, human, truncate }: { readonly now: number; readonly human: boolean; readonly truncate: boolean },
): Row {
  const id = textAt(layer, 'Id');
  const createdMs = numberAt(layer, 'Created') * 1000;
  const createdBy = textAt(layer, 'CreatedBy').replaceAll('\t', ' ');
  const size = numberAt(layer, 'Size');
  return {
    ID: truncate ? id.replace(/^sha256:/, '').slice(0, 12) : id,
    CreatedSince: createdMs > 0 ? `${humanDuration(now - createdMs)} ago` : 'N/A',
    CreatedAt: new Date(createdMs).toISOString().replace('.000Z', 'Z'),
    CreatedBy: truncate ? ellipsis(createdBy, COMMAND_LENGTH) : createdBy,
    Size: human ? humanSize(size, 3) : String(size),
    Comment: textAt(layer, 'Comment'),
  };
}
