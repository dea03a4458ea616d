import { compareVersions } from '#client/api-client';
import { isStatus } from '#client/api-error';
import { numberAt } from '#client/json';
import { UsageError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { readDiskUsage, usageRow } from '../format/disk-usage.ts';
import { formatHelp } from '../format/format-help.ts';
import { humanSize } from '../format/human.ts';
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
  async run({ client, stdout, warn, now }, { flags: { format, verbose } }) {
    const isNew = compareVersions(await client.apiVersion(), '1.52') >= 0;
    const query = { verbose: (verbose && isNew) || undefined };
    const usage = readDiskUsage(await client.call('GET', '/system/df', { query }));
    if (!verbose) {
      const rows = [usage.images, usage.containers, usage.volumes, usage.buildCache].map(usageRow);
      stdout.write(await renderRows(rows, listing, { format, quiet: false }));
      if (format === '' || format === 'table') await tellBlobs(client, warn);
      return 0;
    }
    const { detailRows, detailText } = await import('../format/disk-usage-details.ts');
    const isTable = format === '' || format === 'table';
    const rows = detailRows(usage, { now: now(), truncate: isTable });
    if (isTable) {
      stdout.write(await detailText(rows, usage));
      await tellBlobs(client, warn);
      return 0;
    }
    if (format.startsWith('table'))
      throw new UsageError('a table of its own columns needs one kind: leave out -v');
    const { renderWhole } = await import('../format/template-rows.ts');
    stdout.write(`${renderWhole(rows, format)}\n`);
    return 0;
  },
});

/** Not on standard output: that is Docker's. Engines that are not ours have nothing to tell. */
async function tellBlobs(client: CliContext['client'], warn: (text: string) => void): Promise<void> {
  const usage = await client.call('GET', '/quai/images/usage').catch((error: unknown) => {
    if (isStatus(error, 404)) return null;
    throw error;
  });
  const bytes = numberAt(usage, 'BlobsSize');
  if (bytes === 0) return;
  warn(
    `${humanSize(bytes)} of the images are the archives of layers, kept to be pushed as they came; "quai image tidy" removes what can be made again`,
  );
}
