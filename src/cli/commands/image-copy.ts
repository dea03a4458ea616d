import { type Json, textAt } from '#client/json';
import { canonicalReference, parseReference } from '#spec/reference';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { authConfig } from '../credentials/auth-header.ts';
import { findCredential } from '../credentials/credential-finder.ts';
import { serverOf } from '../credentials/registry-server.ts';
import { showProgress } from '../terminal/progress.ts';

export const copy = command({
  usage: 'image copy [OPTIONS] SOURCE TARGET',
  summary: 'Copy an image from registry to registry, all platforms, without keeping it here',
  flags: { quiet: { type: 'bool', short: 'q', help: 'Only show the digest' } },
  args: { min: 2, max: 2 },
  async run(context, { flags: { quiet }, args: [source = '', target = ''] }) {
    const from = parseReference(source);
    const to = parseReference(target);
    const body = {
      From: canonicalReference(from),
      To: canonicalReference(to),
      FromAuth: await authOf(context, from.domain),
      ToAuth: await authOf(context, to.domain),
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

async function authOf(context: CliContext, domain: string): Promise<Record<string, string>> {
  const server = serverOf(domain);
  const found = await findCredential(context, server);
  return found ? authConfig(server, found) : {};
}
