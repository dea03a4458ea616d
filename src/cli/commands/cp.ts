import path from 'node:path';
import { Readable } from 'node:stream';
import type { ApiClient } from '#client/api-client';
import { byteString } from '#spec/tar/byte-string';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import {
  absolute,
  type Destination,
  type Landing,
  landingOf,
  localDestination,
  localSource,
  type Place,
  parsePlace,
  type Source,
  splitLast,
} from '../copy/copy-paths.ts';
import { localTar } from '../copy/local-tar.ts';
import { isBelow, unpackArchive, withTop } from '../copy/local-unpack.ts';
import { statAt, statIn } from '../copy/path-stat.ts';
import { humanSize } from '../format/human.ts';
import { copyRaw } from '../terminal/session.ts';

interface CopyOptions {
  readonly keepsOwner: boolean;
  readonly followsLink: boolean;
  readonly isQuiet: boolean;
}

interface InContainer extends Place {
  readonly container: string;
}

const TAR = { 'Content-Type': 'application/x-tar' };

export const copy = command({
  usage: 'cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tquai cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  summary: 'Copy files/folders between a container and the local filesystem',
  flags: {
    archive: { type: 'bool', short: 'a', help: 'Archive mode (copy all uid/gid information)' },
    'follow-link': { type: 'bool', short: 'L', help: 'Always follow symbol link in SRC_PATH' },
    quiet: {
      type: 'bool',
      short: 'q',
      help: 'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached',
    },
  },
  args: { min: 2, max: 2 },
  async run(context, { flags, given, args: [from = '', to = ''] }) {
    if (from === '') throw new CliError('source can not be empty');
    if (to === '') throw new CliError('destination can not be empty');
    const [source, target] = [parsePlace(from), parsePlace(to)];
    const options = {
      keepsOwner: flags.archive,
      followsLink: flags['follow-link'],
      isQuiet: given.has('quiet') ? flags.quiet : context.stdout.isTTY !== true,
    };
    if (isInContainer(source) && isInContainer(target))
      throw new CliError('copying between containers is not supported');
    if (isInContainer(source)) await copyOut(context, source, target.path, options);
    else if (isInContainer(target)) await copyIn(context, source.path, target, options);
    else throw new CliError('must specify at least one container source');
    return 0;
  },
});

function isInContainer(place: Place): place is InContainer {
  return place.container !== undefined && place.container !== '';
}

async function copyOut(
  context: CliContext,
  { container, path: given }: InContainer,
  to: string,
  { followsLink, isQuiet }: CopyOptions,
): Promise<void> {
  const { client, stdout } = context;
  const target = to === '-' ? undefined : localDestination(to);
  if (!target && stdout.isTTY) throw new CliError('cowardly refusing to write an archive to a terminal');
  const { asked, name } = followsLink ? await followed(client, container, given) : named(given);
  const { body, headers } = await client.stream('GET', routeOf(container), { query: { path: asked } });
  if (!target) return await copyRaw(body, stdout);
  const source = { path: asked, isDirectory: statIn(headers).isDirectory, name };
  const copied = await unpack(body, source, landingOf(source, target));
  if (!isQuiet) context.warn(`Successfully copied ${humanSize(copied, 3)} to ${absolute(to)}`);
}

/** The topmost name of the archive is the last part of what was asked for: it becomes that of the landing. */
async function unpack(
  body: AsyncIterable<Uint8Array>,
  { path: asked }: Source,
  landing: Landing,
): Promise<number> {
  const old = byteString(baseOf(asked)).replace(/^\/$/, '');
  const name = landing.name === '/' || landing.name === '.' ? '' : byteString(landing.name);
  // Of the root, and of what only the engine can resolve, it is not known how they are called.
  const isUnknown = old === '' || old === '..';
  return await unpackArchive(body, landing.folder, entry =>
    isUnknown && !isBelow(entry, old) ? entry : withTop(entry, old, name),
  );
}

async function copyIn(
  context: CliContext,
  from: string,
  { container, path: given }: InContainer,
  { keepsOwner, followsLink, isQuiet }: CopyOptions,
): Promise<void> {
  const { client, stdin } = context;
  const source = from === '-' ? undefined : localSource(from, { followsLink });
  const target = await destinationIn(client, container, given);
  if (!source && !target.isDirectory)
    throw new CliError(`destination "${container}:${given}" must be a directory`);
  const landing = source
    ? await landingIn(client, container, source, target)
    : { folder: target.path, name: '' };
  let copied = 0;
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      copied += chunk.length;
      yield chunk;
    }
  }
  const tar = source ? localTar(source.path, landing.name === '.' ? '' : landing.name) : stdin;
  await client.call('PUT', routeOf(container), {
    query: {
      path: landing.folder,
      noOverwriteDirNonDir: 'true',
      copyUIDGID: keepsOwner ? 'true' : undefined,
    },
    body: Readable.from(counted(tar)),
    headers: TAR,
  });
  if (!isQuiet) context.warn(`Successfully copied ${humanSize(copied, 3)} to ${container}:${target.path}`);
}

/** @throws what the engine says where it is the container that is not there: an answer to HEAD does not tell. */
async function landingIn(
  client: ApiClient,
  container: string,
  source: Source,
  target: Destination,
): Promise<Landing> {
  try {
    return landingOf(source, target);
  } catch (error) {
    if (!target.exists) await client.call('GET', `/containers/${encodeURIComponent(container)}/json`);
    throw error;
  }
}

/** A link at the end is followed, also one that leads to nothing: it is made there. */
async function destinationIn(client: ApiClient, container: string, given: string): Promise<Destination> {
  const first = await statAt(client, routeOf(container), given);
  if (!first) return { path: given, exists: false, isDirectory: false };
  if (!first.isLink) return { path: given, exists: true, isDirectory: first.isDirectory };
  const place = path.posix.resolve('/', splitLast(given).folder, first.linkTarget);
  const second = await statAt(client, routeOf(container), place);
  return { path: place, exists: second !== undefined, isDirectory: second?.isDirectory ?? false };
}

interface Asked {
  readonly asked: string;
  /** what it is called here: a link that is followed gives its name */
  readonly name: string;
}

function named(given: string): Asked {
  return { asked: given, name: baseOf(given) };
}

async function followed(client: ApiClient, container: string, given: string): Promise<Asked> {
  const stat = await statAt(client, routeOf(container), given);
  if (!stat?.isLink) return named(given);
  return { asked: path.posix.resolve('/', splitLast(given).folder, stat.linkTarget), name: baseOf(given) };
}

function baseOf(given: string): string {
  return path.posix.basename(given) || '/';
}

function routeOf(container: string): string {
  return `/containers/${encodeURIComponent(container)}/archive`;
}
