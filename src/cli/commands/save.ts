import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { checkOutputFile, writeWhole } from '../output-file.ts';
import { platformJson } from '../platform.ts';
import { copyRaw } from '../terminal/session.ts';

export const save = command({
  usage: 'save [OPTIONS] IMAGE [IMAGE...]',
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  flags: {
    output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' },
    platform: { type: 'string', help: 'Save only the given platform variant, as "os[/arch[/variant]]"' },
  },
  args: { min: 1 },
  async run({ client, stdout }, { flags, args }) {
    if (!flags.output && stdout.isTTY) {
      throw new CliError('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    }
    if (flags.output) await checkOutputFile(flags.output, 'failed to save image');
    const query = { names: args, platform: flags.platform ? platformJson(flags.platform) : undefined };
    const { body } = await client.stream('GET', '/images/get', { query });
    if (flags.output) await writeWhole(flags.output, body);
    else await copyRaw(body, stdout);
    return 0;
  },
});
