import { command } from '../command.ts';
import { writeArchive } from '../output-file.ts';

export const exportContainer = command({
  usage: 'export [OPTIONS] CONTAINER',
  summary: "Export a container's filesystem as a tar archive",
  flags: { output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' } },
  args: { min: 1, max: 1 },
  async run({ client, stdout }, { flags, args: [name = ''] }) {
    const path = `/containers/${encodeURIComponent(name)}/export`;
    const open = async () => (await client.stream('GET', path)).body;
    await writeArchive(flags.output, stdout, open, 'failed to export container');
    return 0;
  },
});
