import { type Json, objectAt, textsAt } from '#client/json';
import { command } from '../command.ts';
import { objectFormatHelp } from '../format/format-help.ts';
import { compileTemplate } from '../format/go-template.ts';
import { infoLines } from '../format/info-lines.ts';
import { jsonText } from '../format/template-functions.ts';
import { clientVersion } from '../version-line.ts';

export const info = command({
  usage: 'info [OPTIONS]',
  summary: 'Display system-wide information',
  flags: { format: { type: 'string', short: 'f', help: objectFormatHelp } },
  args: { min: 0, max: 0 },
  async run({ client, print, warn }, { flags }) {
    const template = flags.format && flags.format !== 'json' ? compileTemplate(flags.format) : undefined;
    const server = await client.call('GET', '/info');
    const whole = { ...objectAt(server), ClientInfo: { Version: clientVersion(), Context: 'default' } };
    if (flags.format === 'json') print(jsonText(whole));
    else if (template) print(template.render(whole));
    else print(textOf(server));
    if (!flags.format) for (const warning of textsAt(server, 'Warnings')) warn(warning);
    return 0;
  },
});

function textOf(server: Json): string {
  return [
    'Client: Quai',
    ` Version:    ${clientVersion()}`,
    ' Context:    default',
    '',
    'Server:',
    ...infoLines(server),
  ].join('\n');
}
