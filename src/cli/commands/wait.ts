import { numberAt } from '#client/json';
import { command } from '../command.ts';
import { eachName } from '../each-name.ts';

export const wait = command({
  usage: 'wait CONTAINER [CONTAINER...]',
  summary: 'Block until one or more containers stop, then print their exit codes',
  flags: {},
  args: { min: 1 },
  run: (context, { args }) =>
    eachName(context, args, async name => {
      const result = await context.client.call('POST', `/containers/${encodeURIComponent(name)}/wait`);
      return String(numberAt(result, 'StatusCode'));
    }),
});
