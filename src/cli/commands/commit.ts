import { textAt } from '#client/json';
import { canonicalName, parseName } from '#spec/reference';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';

export const commit = command({
  usage: 'commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  summary: "Create a new image from a container's changes",
  flags: {
    author: {
      type: 'string',
      short: 'a',
      help: 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")',
    },
    change: { type: 'list', short: 'c', help: 'Apply Dockerfile instruction to the created image' },
    message: { type: 'string', short: 'm', help: 'Commit message' },
    pause: { type: 'bool', short: 'p', help: 'Pause container during commit (default true)', on: true },
  },
  args: { min: 1, max: 2 },
  async run({ client, print }, { flags, args: [container = '', name = ''] }) {
    const query = {
      container,
      ...namesOf(name),
      comment: flags.message,
      author: flags.author,
      changes: flags.change,
      pause: flags.pause ? undefined : '0',
    };
    print(textAt(await client.call('POST', '/commit', { query }), 'Id'));
    return 0;
  },
});

function namesOf(text: string): { readonly repo: string; readonly tag: string } {
  if (text === '') return { repo: '', tag: '' };
  const name = parseName(text);
  if (name.digest !== undefined) throw new CliError('refusing to create a tag with a digest reference');
  return { repo: canonicalName(name), tag: name.tag ?? 'latest' };
}
