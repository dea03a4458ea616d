import { flagAt, type Json, textAt } from '#client/json';
import { canonicalName, canonicalReference, parseName, parseReference } from '#spec/reference';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { authHeader } from '../credentials/auth-header.ts';
import { withLoginHint } from '../login-hint.ts';
import { platformJson } from '../platform.ts';
import { showProgress } from '../terminal/progress.ts';

export const push = command({
  usage: 'push [OPTIONS] NAME[:TAG]',
  summary: 'Upload an image to a registry',
  flags: {
    'all-tags': { type: 'bool', short: 'a', help: 'Push all tags of an image to the repository' },
    'disable-content-trust': { type: 'bool', on: true, help: 'Accepted for compatibility', hidden: true },
    platform: {
      type: 'string',
      help: "Push only this platform of a multi-platform image, as 'os[/arch[/variant]]'; its index and attestations stay behind",
    },
    quiet: { type: 'bool', short: 'q', help: 'Suppress verbose output' },
  },
  args: { min: 1, max: 1 },
  async run(context, { flags, args: [image = ''] }) {
    const { client, stdout, print } = context;
    const name = parseName(image);
    const allTags = flags['all-tags'];
    if (allTags && (name.tag ?? name.digest) !== undefined) {
      throw new CliError("tag can't be used with --all-tags/-a");
    }
    if (name.digest !== undefined) throw new CliError('cannot push a digest reference');
    const platform = flags.platform ? platformJson(flags.platform) : undefined;
    if (platform) print(PLATFORM_NOTE);
    if (!allTags && name.tag === undefined && !flags.quiet) print('Using default tag: latest');

    const reference = parseReference(image);
    const query = { tag: allTags ? undefined : reference.tag, platform };
    const headers = await authHeader(context, reference.domain);
    const path = `/images/${encodeURIComponent(canonicalName(reference))}/push`;
    const notes: string[] = [];
    const onAux = (aux: Json): void => {
      const note = noteOf(aux);
      if (note) notes.push(note);
    };
    await withLoginHint(
      reference.domain,
      () =>
        showProgress(client.lines('POST', path, { query, headers }), stdout, { quiet: flags.quiet, onAux }),
      { isAnonymous: !('X-Registry-Auth' in headers) },
    );
    if (flags.quiet) print(allTags ? canonicalName(reference) : canonicalReference(reference));
    for (const note of notes) print(note);
    return 0;
  },
});

const PLATFORM_NOTE = `
 Info -> Using --platform pushes only the specified platform manifest of a multi-platform image index.
         Other components, like attestations, will not be included.
         To push the complete multi-platform image, remove the --platform flag.
         `;

/** What a push that did not send everything tells about it. */
function noteOf(aux: Json): string {
  if (flagAt(aux, 'manifestPushedInsteadOfIndex')) {
    return `
 Info -> Not all multiplatform-content is present and only the available single-platform image was pushed
         ${textAt(aux, 'originalIndex', 'digest')} -> ${textAt(aux, 'selectedManifest', 'digest')}`;
  }
  if (!flagAt(aux, 'contentMissing')) return '';
  return `
 Info -> The index names manifests of platforms that are neither on this machine nor in the registry.
         Pull them first, or push one platform only with --platform.`;
}
