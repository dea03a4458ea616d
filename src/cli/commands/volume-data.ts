import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { listAt, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { openFile } from './load.ts';

const TAR = { 'Content-Type': 'application/x-tar' };

function pathOf(name: string, action: string): string {
  return `/quai/volumes/${encodeURIComponent(name)}/${action}`;
}

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
  usage: 'volume clone VOLUME NEW_VOLUME',
  summary: 'Make a volume with the content of another one',
  flags: {},
  args: { min: 2, max: 2 },
  async run({ client, print }, { args: [from = '', to = ''] }) {
    print(textAt(await client.call('POST', pathOf(from, 'clone'), { body: { Name: to } }), 'Name'));
    return 0;
  },
});

export const exportVolume = command({
  usage: 'volume export [OPTIONS] VOLUME',
  summary: 'Write the content of a volume as a tar archive',
  flags: { output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' } },
  args: { min: 1, max: 1 },
  async run({ client, stdout }, { flags, args: [name = ''] }) {
    if (!flags.output && stdout.isTTY) {
      throw new CliError('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    }
    const { body } = await client.stream('GET', pathOf(name, 'export'));
    if (flags.output) await pipeline(body, createWriteStream(flags.output, { mode: 0o600 }));
    else await pipeline(body, stdout, { end: false });
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

export const snapshot = command({
  usage: 'volume snapshot [OPTIONS] VOLUME [NAME]',
  summary: 'Keep the content of a volume as it is now',
  flags: {
    list: { type: 'bool', short: 'l', help: 'List the snapshots of the volume' },
    remove: { type: 'bool', help: 'Remove the snapshot of this name' },
  },
  args: { min: 1, max: 2 },
  async run({ client, print }, { flags, args: [volume = '', name = ''] }) {
    if (flags.list) {
      const answer = await client.call('GET', pathOf(volume, 'snapshots'));
      for (const one of listAt(answer, 'Snapshots'))
        print(`${textAt(one, 'Name')}\t${textAt(one, 'CreatedAt')}`);
    } else if (flags.remove) {
      if (name === '') throw new CliError('which snapshot is to be removed?');
      await client.call('DELETE', pathOf(volume, `snapshots/${encodeURIComponent(name)}`));
      print(name);
    } else {
      print(textAt(await client.call('POST', pathOf(volume, 'snapshots'), { body: { Name: name } }), 'Name'));
    }
    return 0;
  },
});

export const restore = command({
  usage: 'volume restore VOLUME SNAPSHOT|BACKUP',
  summary: 'Give a volume the content of a snapshot, or of a backup (the absolute path of its .json file)',
  flags: {},
  args: { min: 2, max: 2 },
  async run({ client, print }, { args: [volume = '', from = ''] }) {
    const body = from.startsWith('/') ? { Backup: from } : { Snapshot: from };
    await client.call('POST', pathOf(volume, 'restore'), { body });
    print(volume);
    return 0;
  },
});

export const backup = command({
  usage: 'volume backup [OPTIONS] VOLUME DIRECTORY',
  summary: "Write the content of a volume into a directory of the engine's host, with its checksum",
  flags: {
    keep: { type: 'int', help: 'Keep this many backups of the volume there, and remove older ones' },
    pause: { type: 'bool', help: 'Pause the containers that run with the volume meanwhile' },
  },
  args: { min: 2, max: 2 },
  async run({ client, print }, { flags, args: [volume = '', directory = ''] }) {
    const body = { Directory: directory, Keep: flags.keep ?? 0, Pause: flags.pause };
    print(textAt(await client.call('POST', pathOf(volume, 'backups'), { body }), 'Path'));
    return 0;
  },
});

export const schedule = command({
  usage: 'volume schedule [OPTIONS] VOLUME [SCHEDULE DIRECTORY]',
  summary: 'Back up a volume by itself: "0 3 * * *" or @daily; without one, list what there is',
  flags: {
    keep: { type: 'int', help: 'Keep this many backups of the volume in the directory' },
    pause: { type: 'bool', help: 'Pause the containers that run with the volume meanwhile' },
    remove: { type: 'string', help: 'Remove the schedule with this ID' },
  },
  args: { min: 1, max: 3 },
  async run({ client, print }, { flags, args: [volume = '', cron, directory] }) {
    if (flags.remove) {
      await client.call('DELETE', pathOf(volume, `schedules/${encodeURIComponent(flags.remove)}`));
      print(flags.remove);
    } else if (cron === undefined) {
      const answer = await client.call('GET', pathOf(volume, 'schedules'));
      for (const one of listAt(answer, 'Schedules')) {
        const words = ['ID', 'Schedule', 'Directory', 'NextRun', 'LastRun', 'LastError'].map(key =>
          textAt(one, key),
        );
        print(words.join('\t').trimEnd());
      }
    } else {
      if (directory === undefined)
        throw new CliError('a directory of the engine’s host is wanted for the backups');
      const body = { Schedule: cron, Directory: directory, Keep: flags.keep ?? 0, Pause: flags.pause };
      print(textAt(await client.call('POST', pathOf(volume, 'schedules'), { body }), 'ID'));
    }
    return 0;
  },
});

function standardInput({ stdin }: CliContext): CliContext['stdin'] {
  if (stdin.isTTY) throw new CliError('an archive is wanted on stdin, and that is a terminal');
  return stdin;
}
