import { messageOf } from '#base/errors';
import { type JsonObject, objectAt, textAt, textsAt } from '#client/json';
import { canonicalName, canonicalReference, parseReference, type Reference } from '#spec/reference';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { authConfigOf, authHeader } from '../credentials/auth-header.ts';
import { eachName } from '../each-name.ts';
import {
  fetchDocument,
  type ImageManifest,
  imageManifest,
  listDocument,
  parsedName,
} from '../manifest/image-manifest.ts';
import { isKnownPlatform } from '../manifest/known-platform.ts';
import { ManifestLists } from '../manifest/manifest-lists.ts';
import { showProgress } from '../terminal/progress.ts';

const insecure = {
  type: 'bool',
  help: 'Accepted for compatibility: the engine knows its insecure registries',
  hidden: true,
} as const;

export const create = command({
  usage: 'manifest create MANIFEST_LIST MANIFEST [MANIFEST...]',
  summary: 'Create a local manifest list for annotating and pushing to a registry',
  flags: {
    amend: { type: 'bool', short: 'a', help: 'Amend an existing manifest list' },
    insecure,
  },
  args: { min: 2 },
  async run(context, { flags, args: [listName = '', ...names] }) {
    const list = parsedName(listName, 'manifest list');
    const lists = new ManifestLists(context);
    if (!flags.amend && lists.images(list).length > 0)
      throw new CliError('refusing to amend an existing manifest list with no --amend flag');
    const fetched: [Reference, ImageManifest][] = [];
    for (const name of names) {
      const reference = parsedName(name);
      if (lists.find(list, reference)) continue;
      const found = await fetchDocument(context, reference);
      if (found.isList) throw new CliError(`${name} is a manifest list`);
      fetched.push([reference, imageManifest(canonicalReference(reference), found, found.platform)]);
    }
    // Nothing is written before all of them were found.
    for (const [reference, image] of fetched) lists.save(list, reference, image);
    context.print(`Created manifest list ${canonicalReference(list)}`);
    return 0;
  },
});

export const annotate = command({
  usage: 'manifest annotate [OPTIONS] MANIFEST_LIST MANIFEST',
  summary: 'Add additional information to a local image manifest',
  flags: {
    arch: { type: 'string', help: 'Set architecture' },
    os: { type: 'string', help: 'Set operating system' },
    'os-features': { type: 'strings', help: 'Set operating system feature' },
    'os-version': { type: 'string', help: 'Set operating system version' },
    variant: { type: 'string', help: 'Set architecture variant' },
  },
  args: { min: 2, max: 2 },
  async run(context, { flags, args: [listName = '', name = ''] }) {
    const list = annotateName(listName, 'manifest list');
    const reference = annotateName(name, 'manifest');
    const lists = new ManifestLists(context);
    const image = lists.find(list, reference);
    if (!image) throw new CliError(`manifest for image ${name} does not exist in ${listName}`);
    const descriptor = objectAt(image, 'Descriptor');
    const before = objectAt(descriptor, 'platform');
    const os = flags.os || textAt(before, 'os');
    const architecture = flags.arch || textAt(before, 'architecture');
    if (!isKnownPlatform(os, architecture)) {
      const what = `${flags.os}/${flags.arch}`;
      throw new CliError(`manifest entry for image has unsupported os/arch combination: ${what}`);
    }
    const version = flags['os-version'] || textAt(before, 'os.version');
    const features = [...new Set([...textsAt(before, 'os.features'), ...flags['os-features']])];
    const variant = flags.variant || textAt(before, 'variant');
    const platform: JsonObject = {
      architecture,
      os,
      ...(version === '' ? {} : { 'os.version': version }),
      ...(features.length === 0 ? {} : { 'os.features': features }),
      ...(variant === '' ? {} : { variant }),
    };
    lists.save(list, reference, { ...image, Descriptor: { ...descriptor, platform } });
    return 0;
  },
});

export const push = command({
  usage: 'manifest push [OPTIONS] MANIFEST_LIST',
  summary: 'Push a manifest list to a repository',
  flags: {
    insecure,
    purge: { type: 'bool', short: 'p', help: 'Remove the local manifest list after push' },
  },
  args: { min: 1, max: 1 },
  async run(context, { flags, args: [listName = ''] }) {
    const list = parsedName(listName);
    const lists = new ManifestLists(context);
    const images = lists.images(list);
    if (images.length === 0) throw noSuchList(list);
    for (const image of images) {
      const platform = objectAt(image, 'Descriptor', 'platform');
      if (textAt(platform, 'os') !== '' && textAt(platform, 'architecture') !== '') continue;
      const ref = textAt(image, 'Ref');
      throw new CliError(`manifest ${ref} must have an OS and Architecture to be pushed to a registry`);
    }
    for (const image of images) await copyTo(context, list, image);
    const { mediaType, text } = listDocument(images);
    const found = await context.client.call('PUT', '/quai/registry/manifest', {
      query: { name: canonicalReference(list) },
      headers: await authHeader(context, list.domain),
      body: { MediaType: mediaType, Raw: Buffer.from(text).toString('base64') },
    });
    context.print(textAt(found, 'Digest'));
    if (flags.purge) lists.remove(list);
    return 0;
  },
});

export const remove = command({
  usage: 'manifest rm MANIFEST_LIST [MANIFEST_LIST...]',
  summary: 'Delete one or more manifest lists from local storage',
  flags: {},
  args: { min: 1 },
  async run(context, { args }) {
    const lists = new ManifestLists(context);
    const quiet = { ...context, print: () => undefined };
    return await eachName(quiet, args, async name => {
      const list = parsedName(name);
      if (!lists.remove(list)) throw noSuchList(list);
      return '';
    });
  },
});

/** Docker's wording of this command. */
function annotateName(name: string, what: string): Reference {
  try {
    return parsedName(name, what);
  } catch (error) {
    throw new CliError(`annotate: ${messageOf(error)}`);
  }
}

function noSuchList(list: Reference): CliError {
  return new CliError(`No such manifest: ${canonicalReference(list)}`);
}

/** An image of another repository, or another registry, comes along: its layers are mounted where the registry can. */
async function copyTo(context: CliContext, list: Reference, image: ImageManifest): Promise<void> {
  const source = parseReference(textAt(image, 'Ref'));
  if (canonicalName(source) === canonicalName(list)) return;
  const digest = textAt(image, 'Descriptor', 'digest');
  const target = `${canonicalName(list)}@${digest}`;
  const body = {
    From: `${canonicalName(source)}@${digest}`,
    To: target,
    FromAuth: await authConfigOf(context, source.domain),
    ToAuth: await authConfigOf(context, list.domain),
  };
  const messages = context.client.lines('POST', '/quai/registry/copy', { body });
  await showProgress(messages, context.stdout, { quiet: true });
  context.print(`Pushed ref ${target} with digest: ${digest}`);
}
