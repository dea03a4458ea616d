import { objectAt, parseJson, textAt } from '#client/json';
import { parseReference } from '#spec/reference';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { authHeader } from '../credentials/auth-header.ts';
import { indentJson } from '../format/exact-json.ts';

export const inspect = command({
  usage: 'manifest inspect [OPTIONS] MANIFEST',
  summary: 'Display an image manifest, or manifest list, as its registry has it',
  flags: {
    insecure: {
      type: 'bool',
      help: 'Accepted for compatibility: the engine knows its insecure registries',
      hidden: true,
    },
    verbose: { type: 'bool', short: 'v', help: 'Output the digest and type too' },
  },
  args: { min: 1, max: 2 },
  async run(context, { flags, args }) {
    if (args.length > 1)
      throw new CliError('not implemented: manifest lists on this machine; name the manifest alone');
    const [name = ''] = args;
    const headers = await authHeader(context, parseReference(name).domain);
    const found = await context.client.call('GET', '/quai/registry/manifest', { query: { name }, headers });
    const document = Buffer.from(textAt(found, 'Raw'), 'base64').toString();
    if (flags.verbose) {
      const whole = { Ref: name, Descriptor: objectAt(found, 'Descriptor'), Manifest: parseJson(document) };
      context.print(indentJson(JSON.stringify(whole), '\t'));
    } else context.print(indentJson(document, '   '));
    return 0;
  },
});
