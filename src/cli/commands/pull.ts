import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { parseImageName } from '../image-name.ts';
import { showProgress } from '../terminal/progress.ts';

export const pull = command({
  usage: 'pull [OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Download an image from a registry',
  flags: {
    'all-tags': { type: 'bool', short: 'a', help: 'Download all tagged images in the repository' },
    'disable-content-trust': { type: 'bool', on: true, help: 'Accepted for compatibility', hidden: true },
    platform: { type: 'string', help: 'Set platform if server is multi-platform capable' },
    quiet: { type: 'bool', short: 'q', help: 'Suppress verbose output' },
  },
  args: { min: 1, max: 1 },
  async run({ client, stdout, print }, { flags, args: [image = ''] }) {
    const { repository, tag, digest } = parseImageName(image);
    if (flags['all-tags'] && (tag || digest)) throw new CliError("tag can't be used with --all-tags/-a");
    const wanted = digest || tag || 'latest';
    if (!flags['all-tags'] && !tag && !digest && !flags.quiet) print('Using default tag: latest');
    const query = {
      fromImage: repository,
      tag: flags['all-tags'] ? undefined : wanted,
      platform: flags.platform || undefined,
    };
    await showProgress(client.lines('POST', '/images/create', { query }), stdout, flags);
    print(`${repository}${digest ? '@' : ':'}${wanted}`);
    return 0;
  },
});
