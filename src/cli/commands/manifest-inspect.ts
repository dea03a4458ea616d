import { textAt } from '#client/json';
import { canonicalReference } from '#spec/reference';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { indentJson } from '../format/exact-json.ts';
import {
  fetchDocument,
  type ImageManifest,
  imageManifest,
  imagesOfList,
  listDocument,
  parsedName,
} from '../manifest/image-manifest.ts';
import { ManifestLists } from '../manifest/manifest-lists.ts';

export const inspect = command({
  usage: 'manifest inspect [OPTIONS] [MANIFEST_LIST] MANIFEST',
  summary: 'Display an image manifest, or manifest list',
  flags: {
    insecure: {
      type: 'bool',
      help: 'Accepted for compatibility: the engine knows its insecure registries',
      hidden: true,
    },
    verbose: { type: 'bool', short: 'v', help: 'Output additional info including layers and platform' },
  },
  args: { min: 1, max: 2 },
  async run(context, { flags, args: [first = '', second] }) {
    const lists = new ManifestLists(context);
    const named = parsedName(first);
    const show = (value: unknown): void => context.print(indentJson(JSON.stringify(value), '\t'));
    if (second !== undefined) {
      const reference = parsedName(second);
      const image = lists.find(named, reference);
      if (!image) throw new CliError(`No such manifest: ${canonicalReference(reference)}`);
      if (flags.verbose) show(image);
      else context.print(indentJson(Buffer.from(textAt(image, 'Raw'), 'base64').toString(), '\t'));
      return 0;
    }
    const local = lists.images(named);
    if (local.length === 0) return await inspectRemote(context, first, flags.verbose, show);
    if (flags.verbose) show(local);
    else context.print(listDocument(local).text);
    return 0;
  },
});

async function inspectRemote(
  context: CliContext,
  name: string,
  isVerbose: boolean,
  show: (value: ImageManifest | readonly ImageManifest[]) => void,
): Promise<number> {
  const reference = parsedName(name);
  const found = await fetchDocument(context, reference);
  if (!isVerbose) context.print(indentJson(found.text, found.isList ? '   ' : '\t'));
  else if (found.isList) show(await imagesOfList(context, reference, found));
  else show(imageManifest(canonicalReference(reference), found, found.platform));
  return 0;
}
