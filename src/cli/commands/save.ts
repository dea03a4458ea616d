import { command } from '../command.ts';
import { writeArchive } from '../output-file.ts';
import { platformJson } from '../platform.ts';

export const save = command({
  usage: 'save [OPTIONS] IMAGE [IMAGE...]',
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  flags: {
    output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' },
    platform: { type: 'string', help: 'Save only the given platform variant, as "os[/arch[/variant]]"' },
  },
  args: { min: 1 },
  async run({ client, stdout }, { flags, args }) {
    const open = async () => {
      const query = { names: args, platform: flags.platform ? platformJson(flags.platform) : undefined };
      return (await client.stream('GET', '/images/get', { query })).body;
    };
    await writeArchive(flags.output, stdout, open, 'failed to save image');
    return 0;
  },
});
