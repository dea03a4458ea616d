import { isStatus } from '#client/api-error';
import { listAt, textAt } from '#client/json';
import { command } from '../command.ts';
import { eachName } from '../each-name.ts';
import { platformJson } from '../platform.ts';

export const rmi = command({
  usage: 'rmi [OPTIONS] IMAGE [IMAGE...]',
  summary: 'Remove one or more images',
  flags: {
    force: { type: 'bool', short: 'f', help: 'Force removal of the image' },
    'no-prune': { type: 'bool', help: 'Do not delete untagged parents' },
    platform: { type: 'strings', help: 'Remove only the given platform variant, as "os[/arch[/variant]]"' },
  },
  args: { min: 1 },
  async run(context, { flags, args }) {
    const query = {
      force: flags.force || undefined,
      noprune: flags['no-prune'] || undefined,
      platforms: flags.platform.length > 0 ? flags.platform.map(platformJson) : undefined,
    };
    return eachName(
      { warn: text => context.warn(text), print: text => void context.stdout.write(text) },
      args,
      async name => {
        try {
          const result = await context.client.call('DELETE', `/images/${encodeURIComponent(name)}`, {
            query,
          });
          return listAt(result).map(removedLine).join('');
        } catch (error) {
          if (!flags.force || !isStatus(error, 404)) throw error;
          context.warn(`Error response from daemon: ${error.message}`);
          return '';
        }
      },
    );
  },
});

function removedLine(item: Parameters<typeof textAt>[0]): string {
  const deleted = textAt(item, 'Deleted');
  return deleted ? `Deleted: ${deleted}\n` : `Untagged: ${textAt(item, 'Untagged')}\n`;
}
