import { type Json, listAt, numberAt, objectAt, textAt } from '#client/json';
import { canonicalReference, parseReference } from '#spec/reference';
import { command } from '../command.ts';
import { authHeader } from '../credentials/auth-header.ts';
import { formatHelp } from '../format/format-help.ts';
import { humanSize } from '../format/human.ts';
import type { Row } from '../format/row.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';

const listing: Listing = {
  headers: {
    Digest: 'DIGEST',
    ArtifactType: 'ARTIFACT TYPE',
    MediaType: 'MEDIA TYPE',
    Size: 'SIZE',
    Annotations: 'ANNOTATIONS',
  },
  columns: ['Digest', 'ArtifactType', 'Size'],
  quietField: 'Digest',
};

export const referrers = command({
  usage: 'image referrers [OPTIONS] IMAGE',
  summary: 'List what refers to an image in its registry: signatures, attestations, bills of materials',
  flags: {
    'artifact-type': { type: 'string', help: 'Only those of this type' },
    format: { type: 'string', help: formatHelp },
    quiet: { type: 'bool', short: 'q', help: 'Only show digests' },
  },
  args: { min: 1, max: 1 },
  async run(context, { flags, args: [image = ''] }) {
    const reference = parseReference(image);
    const query = { name: canonicalReference(reference), type: flags['artifact-type'] || undefined };
    const headers = await authHeader(context, reference.domain);
    const found = await context.client.call('GET', '/quai/registry/referrers', { query, headers });
    context.stdout.write(await renderRows(listAt(found, 'Referrers').map(referrerRow), listing, flags));
    return 0;
  },
});

function referrerRow(one: Json): Row {
  const annotations = Object.keys(objectAt(one, 'annotations'));
  return {
    Digest: textAt(one, 'digest'),
    ArtifactType: textAt(one, 'artifactType'),
    MediaType: textAt(one, 'mediaType'),
    Size: humanSize(numberAt(one, 'size'), 3),
    Annotations: annotations.map(name => `${name}=${textAt(one, 'annotations', name)}`).join(','),
  };
}
