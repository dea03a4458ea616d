import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { checkOutputFile, writeWhole } from '../output-file.ts';
import { copyRaw } from '../terminal/session.ts';

export const exportContainer = command({
  usage: 'export [OPTIONS] CONTAINER',
  summary: "Export a container's filesystem as a tar archive",
  flags: { output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' } },
  args: { min: 1, max: 1 },
  async run({ client, stdout }, { flags, args: [name = ''] }) {
    if (!flags.output && stdout.isTTY) {
      throw new CliError('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    }
    if (flags.output) await checkOutputFile(flags.output, 'failed to export container');
    const { body } = await client.stream('GET', `/containers/${encodeURIComponent(name)}/export`);
    if (flags.output) await writeWhole(flags.output, body);
    else await copyRaw(body, stdout);
    return 0;
  },
});
