import { textLines } from '#client/json-lines';
import { command } from '../command.ts';
import { filtersQuery } from '../filters.ts';
import { eventLine } from '../format/event-line.ts';
import { parseExactJson } from '../format/exact-json.ts';
import { objectFormatHelp } from '../format/format-help.ts';
import { compileTemplate } from '../format/go-template.ts';
import { toTimestamp } from '../timestamp.ts';

export const events = command({
  usage: 'events [OPTIONS]',
  summary: 'Get real time events from the engine',
  flags: {
    filter: { type: 'list', short: 'f', shows: 'filter', help: 'Filter output based on conditions provided' },
    format: { type: 'string', help: objectFormatHelp },
    since: { type: 'string', help: 'Show all events created since timestamp' },
    until: { type: 'string', help: 'Stream events until this timestamp' },
  },
  args: { min: 0, max: 0 },
  async run({ client, print, now }, { flags }) {
    const format = flags.format === 'json' ? '{{json .}}' : flags.format;
    const template = format ? compileTemplate(format) : undefined;
    const query = {
      since: flags.since ? toTimestamp(flags.since, now()) : undefined,
      until: flags.until ? toTimestamp(flags.until, now()) : undefined,
      ...filtersQuery(flags.filter, 'f'),
    };
    const { body } = await client.stream('GET', '/events', { query });
    for await (const line of textLines(body)) {
      const event = parseExactJson(line);
      print(template ? template.render(event) : eventLine(event));
    }
    return 0;
  },
});
