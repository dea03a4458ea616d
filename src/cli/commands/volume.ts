import { textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { eachName } from '../each-name.ts';
import { pairs } from '../run/env-files.ts';

export const create = command({
  usage: 'volume create [OPTIONS] [VOLUME]',
  summary: 'Create a volume',
  flags: {
    driver: { type: 'string', short: 'd', help: 'Specify volume driver name (default "local")' },
    label: { type: 'list', help: 'Set metadata for a volume' },
    name: { type: 'string', help: 'Specify volume name', hidden: true },
    opt: { type: 'list', short: 'o', shows: 'map', help: 'Set driver specific options' },
  },
  args: { min: 0, max: 1 },
  async run({ client, print }, { flags, args: [name] }) {
    if (name && flags.name)
      throw new CliError(
        'conflicting options: cannot specify a volume-name through both --name and as a positional arg',
      );
    const body = {
      Name: name ?? flags.name,
      Driver: flags.driver || 'local',
      DriverOpts: pairs(flags.opt),
      Labels: pairs(flags.label),
    };
    print(textAt(await client.call('POST', '/volumes/create', { body }), 'Name'));
    return 0;
  },
});

export const remove = command({
  usage: 'volume rm [OPTIONS] VOLUME [VOLUME...]',
  summary: 'Remove one or more volumes. You cannot remove a volume that is in use by a container.',
  flags: { force: { type: 'bool', short: 'f', help: 'Force the removal of one or more volumes' } },
  args: { min: 1 },
  run: (context, { flags, args }) =>
    eachName(context, args, async name => {
      const query = { force: flags.force || undefined }; // the engine itself lets one that is not there pass
      await context.client.call('DELETE', `/volumes/${encodeURIComponent(name)}`, { query });
      return name;
    }),
});
