import { listAt, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { formatHelp } from '../format/format-help.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';
import { writeArchive } from '../output-file.ts';
import { openFile } from './load.ts';
import { PAUSE, pathOf } from './volume-path.ts';

const TAR = { 'Content-Type': 'application/x-tar' };

export const rename = command({
  usage: 'volume rename VOLUME NEW_NAME',
  summary: 'Rename a volume, also while containers use it',
  flags: {},
  args: { min: 2, max: 2 },
  async run({ client, print }, { args: [from = '', to = ''] }) {
    await client.call('POST', pathOf(from, 'rename'), { query: { name: to } });
    print(to);
    return 0;
  },
});

export const clone = command({
  usage: 'volume clone [OPTIONS] VOLUME NEW_VOLUME',
  summary: 'Make a volume with the content of another one',
  flags: { pause: PAUSE },
  args: { min: 2, max: 2 },
  async run({ client, print }, { flags, args: [from = '', to = ''] }) {
    const body = { Name: to, Pause: flags.pause };
    print(textAt(await client.call('POST', pathOf(from, 'clone'), { body }), 'Name'));
    return 0;
  },
});

export const exportVolume = command({
  usage: 'volume export [OPTIONS] VOLUME',
  summary: 'Write the content of a volume as a tar archive',
  flags: {
    output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' },
    pause: PAUSE,
  },
  args: { min: 1, max: 1 },
  async run({ client, stdout }, { flags, args: [name = ''] }) {
    const query = { pause: flags.pause || undefined };
    const open = async () => (await client.stream('GET', pathOf(name, 'export'), { query })).body;
    await writeArchive(flags.output, stdout, open, 'failed to export volume');
    return 0;
  },
});

export const importVolume = command({
  usage: 'volume import VOLUME [FILE|-]',
  summary: 'Make a tar archive the content of a volume, which is created if it does not exist',
  flags: {},
  args: { min: 1, max: 2 },
  async run(context, { args: [name = '', file = '-'] }) {
    const body = file === '-' ? standardInput(context) : await openFile(file);
    const made = await context.client.call('POST', pathOf(name, 'import'), { body, headers: TAR });
    context.print(textAt(made, 'Name'));
    return 0;
  },
});

const snapshots: Listing = {
  headers: { Name: 'NAME', CreatedAt: 'CREATED AT' },
  columns: ['Name', 'CreatedAt'],
  quietField: 'Name',
};

export const snapshot = command({
  usage: 'volume snapshot [OPTIONS] VOLUME [NAME]',
  summary: 'Keep the content of a volume as it is now',
  flags: {
    format: { type: 'string', help: formatHelp },
    list: { type: 'bool', short: 'l', help: 'List the snapshots of the volume' },
    pause: PAUSE,
    quiet: { type: 'bool', short: 'q', help: 'With --list: only display names' },
    remove: { type: 'bool', help: 'Remove the snapshot of this name' },
  },
  args: { min: 1, max: 2 },
  async run({ client, print, stdout }, { flags, args: [volume = '', name = ''] }) {
    if (flags.list) {
      const answer = await client.call('GET', pathOf(volume, 'snapshots'));
      const rows = listAt(answer, 'Snapshots').map(one => ({
        Name: textAt(one, 'Name'),
        CreatedAt: textAt(one, 'CreatedAt'),
      }));
      stdout.write(await renderRows(rows, snapshots, flags));
    } else if (flags.remove) {
      if (name === '') throw new CliError('which snapshot is to be removed?');
      await client.call('DELETE', pathOf(volume, `snapshots/${encodeURIComponent(name)}`));
      print(name);
    } else {
      const body = { Name: name, Pause: flags.pause };
      print(textAt(await client.call('POST', pathOf(volume, 'snapshots'), { body }), 'Name'));
    }
    return 0;
  },
});

function standardInput({ stdin }: CliContext): CliContext['stdin'] {
  if (stdin.isTTY) throw new CliError('an archive is wanted on stdin, and that is a terminal');
  return stdin;
}
