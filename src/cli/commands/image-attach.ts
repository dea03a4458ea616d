import { textAt } from '#client/json';
import { canonicalReference, parseReference } from '#spec/reference';
import { command } from '../command.ts';
import { authHeader } from '../credentials/auth-header.ts';
import { withLoginHint } from '../login-hint.ts';
import { openFile } from './load.ts';

export const attach = command({
  usage: 'image attach [OPTIONS] IMAGE FILE|-',
  summary: 'Keep a file about an image beside it in its registry: a bill of materials, an attestation',
  flags: {
    annotation: { type: 'list', shows: 'name=value', help: 'Annotation of what is attached' },
    'artifact-type': {
      type: 'string',
      help: 'Media type of the file (default: SPDX, CycloneDX, in-toto and their signed forms are recognized)',
    },
  },
  args: { min: 2, max: 2 },
  async run(context, { flags, args: [image = '', file = ''] }) {
    const reference = parseReference(image);
    const query = {
      name: canonicalReference(reference),
      type: flags['artifact-type'] || undefined,
      annotation: flags.annotation,
    };
    const body = file === '-' ? context.stdin : await openFile(file);
    const auth = await authHeader(context, reference.domain);
    const headers = { 'Content-Type': 'application/octet-stream', ...auth };
    const answer = await withLoginHint(reference.domain, () =>
      context.client.call('POST', '/quai/registry/referrers', { query, headers, body }),
    );
    context.print(textAt(answer, 'Digest'));
    return 0;
  },
});
