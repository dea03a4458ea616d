import { type Json, listAt, numberAt, textAt, textsAt } from '#client/json';
import { command } from '../command.ts';
import { isConfirmed } from '../confirm.ts';
import type { CliContext } from '../context.ts';
import { filtersQuery } from '../filters.ts';
import { humanSize } from '../format/human.ts';

const forceFlag = { type: 'bool', short: 'f', help: 'Do not prompt for confirmation' } as const;
const filterFlag = {
  type: 'list',
  shows: 'filter',
  help: 'Provide filter values (e.g. "label=<key>=<value>")',
} as const;

export const pruneContainers = command({
  usage: 'container prune [OPTIONS]',
  summary: 'Remove all stopped containers',
  flags: { filter: filterFlag, force: forceFlag },
  args: { min: 0, max: 0 },
  async run(context, { flags }) {
    const warning = 'WARNING! This will remove all stopped containers.';
    if (!flags.force && !(await isConfirmed(context, warning))) return 0;
    const result = await context.client.call('POST', '/containers/prune', {
      query: filtersQuery(flags.filter),
    });
    return report(context, result, 'Containers', 'ContainersDeleted');
  },
});

export const pruneImages = command({
  usage: 'image prune [OPTIONS]',
  summary: 'Remove unused images',
  flags: {
    all: { type: 'bool', short: 'a', help: 'Remove all unused images, not just dangling ones' },
    filter: filterFlag,
    force: forceFlag,
  },
  args: { min: 0, max: 0 },
  async run(context, { flags }) {
    const which = flags.all ? 'images without at least one container associated to them' : 'dangling images';
    if (!flags.force && !(await isConfirmed(context, `WARNING! This will remove all ${which}.`))) return 0;
    const query = filtersQuery([...flags.filter, `dangling=${!flags.all}`]);
    const result = await context.client.call('POST', '/images/prune', { query });
    const lines = removedImages(result);
    if (lines.length > 0) context.print(`Deleted Images:\n${lines.join('\n')}\n`);
    context.print(`Total reclaimed space: ${humanSize(numberAt(result, 'SpaceReclaimed'))}`);
    return 0;
  },
});

/** The names and images that went, as both kinds of prune list them. */
export function removedImages(result: Json): string[] {
  return listAt(result, 'ImagesDeleted').map(one => {
    const untagged = textAt(one, 'Untagged');
    return untagged ? `untagged: ${untagged}` : `deleted: ${textAt(one, 'Deleted')}`;
  });
}

export const pruneVolumes = command({
  usage: 'volume prune [OPTIONS]',
  summary: 'Remove unused local volumes',
  flags: {
    all: { type: 'bool', short: 'a', help: 'Remove all unused volumes, not just anonymous ones' },
    filter: filterFlag,
    force: forceFlag,
  },
  args: { min: 0, max: 0 },
  async run(context, { flags }) {
    const which = flags.all ? 'all local volumes' : 'anonymous local volumes';
    const warning = `WARNING! This will remove ${which} not used by at least one container.`;
    if (!flags.force && !(await isConfirmed(context, warning))) return 0;
    const filters = flags.all ? [...flags.filter, 'all=true'] : flags.filter;
    const result = await context.client.call('POST', '/volumes/prune', { query: filtersQuery(filters) });
    return report(context, result, 'Volumes', 'VolumesDeleted');
  },
});

export const pruneNetworks = command({
  usage: 'network prune [OPTIONS]',
  summary: 'Remove all unused networks',
  flags: { filter: filterFlag, force: forceFlag },
  args: { min: 0, max: 0 },
  async run(context, { flags }) {
    const warning = 'WARNING! This will remove all custom networks not used by at least one container.';
    if (!flags.force && !(await isConfirmed(context, warning))) return 0;
    const result = await context.client.call('POST', '/networks/prune', {
      query: filtersQuery(flags.filter),
    });
    const names = textsAt(result, 'NetworksDeleted');
    if (names.length > 0) context.print(`Deleted Networks:\n${names.join('\n')}\n`);
    return 0;
  },
});

function report({ print }: CliContext, result: Json, noun: string, field: string): number {
  const names = textsAt(result, field);
  if (names.length > 0) print(`Deleted ${noun}:\n${names.join('\n')}\n`);
  print(`Total reclaimed space: ${humanSize(numberAt(result, 'SpaceReclaimed'))}`);
  return 0;
}
