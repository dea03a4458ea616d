import { type Json, textAt } from '#client/json';
import { canonicalReference, parseReference } from '#spec/reference';
import { command } from '../command.ts';
import { authConfigOf } from '../credentials/auth-header.ts';
import { showProgress } from '../terminal/progress.ts';

export const copy = command({
  usage: 'image copy [OPTIONS] SOURCE TARGET',
  summary: 'Copy an image from registry to registry, all platforms, without keeping it here',
  flags: {
    quiet: { type: 'bool', short: 'q', help: 'Only show the digest' },
    referrers: { type: 'bool', help: 'Also copy what refers to it: signatures, attestations' },
  },
  args: { min: 2, max: 2 },
  async run(context, { flags: { quiet, referrers }, args: [source = '', target = ''] }) {
    const from = parseReference(source);
    const to = parseReference(target);
    const body = {
      From: canonicalReference(from),
      To: canonicalReference(to),
      FromAuth: await authConfigOf(context, from.domain),
      ToAuth: await authConfigOf(context, to.domain),
      Referrers: referrers,
    };
    let digest = '';
    const onAux = (aux: Json): void => {
      digest = textAt(aux, 'Digest');
    };
    const messages = context.client.lines('POST', '/quai/registry/copy', { body });
    await showProgress(messages, context.stdout, { quiet, onAux });
    if (quiet) context.print(digest);
    return 0;
  },
});
