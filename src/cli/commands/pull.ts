import { canonicalName, canonicalReference, parseName, parseReference } from '#spec/reference';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { pullImage } from '../pull-image.ts';

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
  async run(context, { flags, args: [image = ''] }) {
    const { stdout, print } = context;
    const { tag, digest } = parseName(image);
    const allTags = flags['all-tags'];
    const isBare = tag === undefined && digest === undefined;
    if (allTags && !isBare) throw new CliError("tag can't be used with --all-tags/-a");
    if (!allTags && isBare && !flags.quiet) print('Using default tag: latest');
    await pullImage(context, image, { ...flags, allTags }, stdout);
    const reference = parseReference(image);
    print(allTags ? canonicalName(reference) : canonicalReference(reference));
    return 0;
  },
});
