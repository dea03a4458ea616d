import { compareVersions } from '#client/api-client';
import { UsageError } from '../cli-error.ts';
import { command } from '../command.ts';
import { readDiskUsage, usageRow } from '../format/disk-usage.ts';
import { formatHelp } from '../format/format-help.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';

const listing: Listing = {
  headers: { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
  columns: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
  quietField: 'Type',
};

export const df = command({
  usage: 'system df [OPTIONS]',
  summary: 'Show disk usage',
  flags: {
    format: { type: 'string', help: formatHelp },
    verbose: { type: 'bool', short: 'v', help: 'Show detailed information on space usage' },
  },
  args: { min: 0, max: 0 },
  async run({ client, stdout, now }, { flags: { format, verbose } }) {
    const isNew = compareVersions(await client.apiVersion(), '1.52') >= 0;
    const query = { verbose: (verbose && isNew) || undefined };
    const usage = readDiskUsage(await client.call('GET', '/system/df', { query }));
    if (!verbose) {
      const rows = [usage.images, usage.containers, usage.volumes, usage.buildCache].map(usageRow);
      stdout.write(await renderRows(rows, listing, { format, quiet: false }));
      return 0;
    }
    const { detailRows, detailText } = await import('../format/disk-usage-details.ts');
    const isTable = format === '' || format === 'table';
    const rows = detailRows(usage, { now: now(), truncate: isTable });
    if (isTable) {
      stdout.write(await detailText(rows, usage));
      return 0;
    }
    if (format.startsWith('table'))
      throw new UsageError('a table of its own columns needs one kind: leave out -v');
    const { renderWhole } = await import('../format/template-rows.ts');
    stdout.write(`${renderWhole(rows, format)}\n`);
    return 0;
  },
});
