import { listAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { filtersQuery } from '../filters.ts';
import { formatHelp } from '../format/format-help.ts';
import { imageListing, imageRows } from '../format/image-row.ts';
import { renderRows } from '../format/row-writer.ts';

export const images = command({
  usage: 'images [OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  flags: {
    all: { type: 'bool', short: 'a', help: 'Show all images (default hides intermediate images)' },
    digests: { type: 'bool', help: 'Show digests' },
    filter: { type: 'list', short: 'f', shows: 'filter', help: 'Filter output based on conditions provided' },
    format: { type: 'string', help: formatHelp },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    quiet: { type: 'bool', short: 'q', help: 'Only show image IDs' },
    tree: { type: 'bool', help: 'List multi-platform images as a tree' },
  },
  args: { min: 0, max: 1 },
  async run({ client, stdout, now }, { flags, given, args }) {
    const filters = [...flags.filter, ...args.map(name => `reference=${name}`)];
    const query = { all: flags.all || undefined, ...filtersQuery(filters, 'f') };
    if (flags.tree) {
      refuseWithTree(given);
      const trees = await client.call('GET', '/images/json', { query: { ...query, manifests: true } });
      const { imageTree } = await import('../format/image-tree.ts');
      stdout.write(imageTree(listAt(trees), { all: flags.all }));
      return 0;
    }
    const list = listAt(await client.call('GET', '/images/json', { query }));
    const digests = flags.digests || /\.Digest\b/.test(flags.format);
    const options = { now: now(), truncate: !flags['no-trunc'], digests };
    const columns = imageListing.columns.flatMap(name =>
      flags.digests && name === 'Tag' ? [name, 'Digest'] : [name],
    );
    const rows = list.flatMap(one => imageRows(one, options));
    stdout.write(await renderRows(rows, { ...imageListing, columns }, flags));
    return 0;
  },
});

function refuseWithTree(given: ReadonlySet<string>): void {
  for (const name of ['quiet', 'no-trunc', 'digests', 'format']) {
    if (given.has(name)) throw new CliError(`--${name} is not yet supported with --tree`);
  }
}
