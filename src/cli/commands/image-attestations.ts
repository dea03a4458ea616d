import { shortId } from '#base/ids';
import { escapedLines } from '#base/plain-text';
import { at, type Json, listAt, numberAt, textAt } from '#client/json';
import { canonicalReference, parseReference } from '#spec/reference';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { authHeader } from '../credentials/auth-header.ts';
import { indentJson } from '../format/exact-json.ts';
import { formatHelp } from '../format/format-help.ts';
import { humanSize } from '../format/human.ts';
import type { Row } from '../format/row.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';
import { platformJson } from '../platform.ts';

const listing: Listing = {
  headers: {
    Digest: 'DIGEST',
    PredicateType: 'PREDICATE TYPE',
    MediaType: 'MEDIA TYPE',
    Form: 'FORM',
    Signatures: 'SIGNATURES',
    About: 'ABOUT',
    Manifest: 'MANIFEST',
    Size: 'SIZE',
    Problem: 'PROBLEM',
  },
  columns: ['Digest', 'PredicateType', 'About', 'Size'],
  quietField: 'Digest',
};

export const attestations = command({
  usage: 'image attestations [OPTIONS] IMAGE',
  summary: 'Show what is said about an image in its registry: provenance, bills of materials',
  flags: {
    format: { type: 'string', help: formatHelp },
    local: { type: 'bool', help: 'Those of the image that is here, by its index' },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    platform: { type: 'string', help: 'Those of the image for this platform, as "os[/arch[/variant]]"' },
    quiet: { type: 'bool', short: 'q', help: 'Only show digests' },
    statement: {
      type: 'bool',
      help: 'Print the statements themselves, as JSON; signatures are not verified',
    },
    type: { type: 'list', shows: 'uri', help: 'Only statements with this predicate type; may be repeated' },
  },
  args: { min: 1, max: 1 },
  async run(context, { flags, args: [image = ''] }) {
    const reference = parseReference(image);
    const query = {
      name: canonicalReference(reference),
      platform: flags.platform ? platformJson(flags.platform) : undefined,
      type: flags.type,
      statement: flags.statement ? '1' : undefined,
    };
    const headers = await authHeader(context, reference.domain);
    const path = flags.local
      ? `/quai/images/${encodeURIComponent(image)}/attestations`
      : '/quai/registry/attestations';
    const answer = await context.client.call('GET', path, { query, headers });
    const found = listAt(answer, 'Attestations');
    if (flags.statement) return printStatements(context, found);
    const rows = found.map(one => attestationRow(one, { truncate: !flags['no-trunc'] }));
    context.stdout.write(await renderRows(rows, listing, flags));
    for (const one of found) warnOf(context, one);
    return 0;
  },
});

/** @returns 1 when one of them could not be shown. */
function printStatements(context: CliContext, found: readonly Json[]): number {
  for (const one of found) {
    const raw = textAt(one, 'Raw');
    if (raw !== '') context.print(indentJson(Buffer.from(raw, 'base64').toString(), '  '));
    warnOf(context, one);
  }
  return found.some(one => textAt(one, 'Raw') === '') ? 1 : 0;
}

function warnOf(context: CliContext, one: Json): void {
  const digest = textAt(one, 'Descriptor', 'digest');
  const problem = textAt(one, 'Problem');
  if (problem !== '') context.warn(escapedLines(`WARNING: ${digest}: ${problem}`));
  if (at(one, 'IsAboutIt') !== false) return;
  context.warn(
    `WARNING: ${digest} is attached to ${textAt(one, 'About')}, but does not name it as its subject`,
  );
}

function attestationRow(one: Json, { truncate }: { readonly truncate: boolean }): Row {
  const short = (digest: string): string => (truncate ? shortId(digest) : digest);
  return {
    Digest: short(textAt(one, 'Descriptor', 'digest')),
    PredicateType: textAt(one, 'PredicateType') || '<unreadable>',
    MediaType: textAt(one, 'Descriptor', 'mediaType'),
    Form: textAt(one, 'Form'),
    Signatures: String(numberAt(one, 'Signatures')),
    About: short(textAt(one, 'About')),
    Manifest: short(textAt(one, 'Manifest')),
    Size: humanSize(numberAt(one, 'Descriptor', 'size'), 3),
    Problem: textAt(one, 'Problem'),
  };
}
