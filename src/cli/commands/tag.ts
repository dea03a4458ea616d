import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { parseImageName } from '../image-name.ts';

export const tag = command({
  usage: 'tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  flags: {},
  args: { min: 2, max: 2 },
  async run({ client }, { args: [source = '', target = ''] }) {
    const { repository, tag: name, digest } = parseImageName(target);
    if (digest) throw new CliError('refusing to create a tag with a digest reference');
    const query = { repo: repository, tag: name || 'latest' };
    await client.call('POST', `/images/${encodeURIComponent(source)}/tag`, { query });
    return 0;
  },
});
