import { numberAt, textsAt } from '#client/json';
import { command } from '../command.ts';
import { isConfirmed } from '../confirm.ts';
import { filtersQuery } from '../filters.ts';
import { humanSize } from '../format/human.ts';

export const prune = command({
  usage: 'builder prune',
  summary: 'Remove build cache',
  flags: {
    all: { type: 'bool', short: 'a', help: 'Remove all unused build cache, not just dangling ones' },
    filter: { type: 'list', shows: 'filter', help: 'Provide filter values (e.g. "until=24h")' },
    force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
    'keep-storage': { type: 'bytes', help: 'Amount of disk space to keep for cache' },
  },
  args: { min: 0, max: 0 },
  async run(context, { flags }) {
    const which = flags.all ? 'all build cache' : 'all dangling build cache';
    if (!flags.force && !(await isConfirmed(context, `WARNING! This will remove ${which}.`))) return 0;
    const keep = flags['keep-storage'];
    const query = {
      all: flags.all || undefined,
      'keep-storage': keep,
      'reserved-space': keep, // the same since API 1.48
      ...filtersQuery(flags.filter),
    };
    const result = await context.client.call('POST', '/build/prune', { query });
    const ids = textsAt(result, 'CachesDeleted');
    if (ids.length > 0) context.print(`Deleted build cache objects:\n${ids.join('\n')}\n`);
    context.print(`Total reclaimed space: ${humanSize(numberAt(result, 'SpaceReclaimed'))}`);
    return 0;
  },
});
