import { numberAt, textsAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command, type Invocation } from '../command.ts';
import { isConfirmed } from '../confirm.ts';
import type { CliContext } from '../context.ts';
import { filtersQuery } from '../filters.ts';
import { humanSize } from '../format/human.ts';
import { removedImages } from './prune.ts';

const flags = {
  all: { type: 'bool', short: 'a', help: 'Remove all unused images not just dangling ones' },
  filter: { type: 'list', shows: 'filter', help: 'Provide filter values (e.g. "label=<key>=<value>")' },
  force: { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  volumes: { type: 'bool', help: 'Prune anonymous volumes' },
} as const;

type PruneFlags = Invocation<typeof flags>['flags'];

export const prune = command({
  usage: 'system prune [OPTIONS]',
  summary: 'Remove unused data',
  flags,
  args: { min: 0, max: 0 },
  async run(context, { flags: choice }) {
    if (choice.volumes && choice.filter.some(one => one.startsWith('until='))) {
      throw new CliError('ERROR: The "until" filter is not supported with "--volumes"');
    }
    if (!choice.force && !(await isConfirmed(context, warningOf(choice)))) return 0;
    let freed = 0;
    for (const part of partsOf(choice)) freed += await pruneOne(context, part);
    context.print(`Total reclaimed space: ${humanSize(freed)}`);
    return 0;
  },
});

interface Part {
  readonly path: string;
  readonly query: Parameters<CliContext['client']['call']>[2];
  readonly title: string;
  /** Where the answer has what went; images have their own form. */
  readonly field: string | undefined;
}

/** Containers first: what they used is unused then. */
function partsOf({ all, filter, volumes }: PruneFlags): Part[] {
  const query = filtersQuery(filter);
  const part = (path: string, title: string, field: string | undefined, own: object = query): Part => ({
    path,
    query: { query: { ...own } },
    title,
    field,
  });
  return [
    part('/containers/prune', 'Containers', 'ContainersDeleted'),
    part('/networks/prune', 'Networks', 'NetworksDeleted'),
    ...(volumes ? [part('/volumes/prune', 'Volumes', 'VolumesDeleted')] : []),
    part('/images/prune', 'Images', undefined, filtersQuery([...filter, `dangling=${!all}`])),
    part('/build/prune', 'build cache objects', 'CachesDeleted', { all: all || undefined, ...query }),
  ];
}

async function pruneOne({ client, print }: CliContext, part: Part): Promise<number> {
  const result = await client.call('POST', part.path, part.query);
  const lines = part.field === undefined ? removedImages(result) : textsAt(result, part.field);
  if (lines.length > 0) print(`Deleted ${part.title}:\n${lines.join('\n')}\n`);
  return numberAt(result, 'SpaceReclaimed');
}

function warningOf({ all, filter, volumes }: PruneFlags): string {
  const what = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
    all ? 'all images without at least one container associated to them' : 'all dangling images',
    all ? 'all build cache' : 'unused build cache',
  ];
  const lines = ['WARNING! This will remove:', ...what.map(one => `  - ${one}`)];
  if (filter.length > 0) {
    lines.push(
      '',
      '  Items to be pruned will be filtered with:',
      ...filter.toSorted().map(one => `  - ${one}`),
    );
  }
  return `${lines.join('\n')}\n`;
}
