import { isStatus } from '#client/api-error';
import { command } from '../command.ts';
import { eachName } from '../each-name.ts';
import { explain } from '../error-report.ts';

export const rm = command({
  usage: 'rm [OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Remove one or more containers',
  flags: {
    force: { type: 'bool', short: 'f', help: 'Force the removal of a running container (uses SIGKILL)' },
    link: { type: 'bool', short: 'l', help: 'Remove the specified link' },
    volumes: { type: 'bool', short: 'v', help: 'Remove anonymous volumes associated with the container' },
  },
  args: { min: 1 },
  async run(context, { flags, args }) {
    const query = {
      force: flags.force || undefined,
      link: flags.link || undefined,
      v: flags.volumes || undefined,
    };
    const remove = async (text: string): Promise<string> => {
      const name = text.replace(/^\/+|\/+$/g, '') || text;
      try {
        await context.client.call('DELETE', `/containers/${encodeURIComponent(name)}`, { query });
        return `${text}\n`;
      } catch (error) {
        if (!flags.force || !isStatus(error, 404)) throw error;
        context.warn(explain(error));
        return '';
      }
    };
    const print = (text: string): void => void context.stdout.write(text);
    return eachName({ warn: text => context.warn(text), print }, args, remove);
  },
});
