import { plainLine } from '#base/plain-text';
import { type Json, listAt, textsAt } from '#client/json';
import { command } from '../command.ts';
import { alignTable } from '../format/table.ts';

export const top = command({
  usage: 'top CONTAINER [ps OPTIONS]',
  summary: 'Display the running processes of a container',
  flags: {},
  args: { min: 1 },
  stopsAtArgument: true,
  async run({ client, stdout }, { args: [name = '', ...psOptions] }) {
    const query = { ps_args: psOptions.length > 0 ? psOptions.join(' ') : undefined };
    const result = await client.call('GET', `/containers/${encodeURIComponent(name)}/top`, { query });
    const lines = [textsAt(result, 'Titles'), ...listAt(result, 'Processes').map(toTexts)];
    stdout.write(alignTable(lines, { minWidth: 20 }));
    return 0;
  },
});

function toTexts(row: Json): string[] {
  return listAt(row).map(cell => (typeof cell === 'string' ? plainLine(cell) : ''));
}
