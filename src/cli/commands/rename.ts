import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';

export const rename = command({
  usage: 'rename CONTAINER NEW_NAME',
  summary: 'Rename a container',
  flags: {},
  args: { min: 2, max: 2 },
  async run({ client }, { args: [from = '', to = ''] }) {
    if (!from.trim() || !to.trim()) throw new CliError('Error: Neither old nor new names may be empty');
    await client.call('POST', `/containers/${encodeURIComponent(from.trim())}/rename`, {
      query: { name: to.trim() },
    });
    return 0;
  },
});
