import { lstatSync, statSync } from 'node:fs';
import { posix, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { byteString } from '#spec/tar/byte-string';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { localTar } from '../copy/local-tar.ts';
import { unpackArchive, withTop } from '../copy/local-unpack.ts';
import { statAt } from '../copy/path-stat.ts';

interface VolumePath {
  readonly volume: string;
  readonly path: string;
}

export const copy = command({
  usage: 'volume cp [OPTIONS] VOLUME:SRC_PATH DEST_PATH|-',
  summary:
    'Copy files between a volume and this machine, without a container; also SRC_PATH|- VOLUME:DEST_PATH',
  flags: { archive: { type: 'bool', short: 'a', help: 'Keep owners (only into a volume)' } },
  args: { min: 2, max: 2 },
  async run(context, { flags, args: [from = '', to = ''] }) {
    const [source, target] = [parsePlace(from), parsePlace(to)];
    if (source && target)
      throw new CliError('copying between volumes is not supported: use volume clone, or a pipe of archives');
    if (target) await copyIn(context, from, target, flags.archive);
    else if (source) await copyOut(context, source, to);
    else throw new CliError('one of both must be VOLUME:PATH');
    return 0;
  },
});

/** `volume:NAME:/path` and `NAME:/path`; a path of this machine begins with `/` or `.`, or has no colon. */
function parsePlace(text: string): VolumePath | undefined {
  const match = /^(?:volume:)?([a-zA-Z0-9][a-zA-Z0-9_.-]+):(.*)$/s.exec(text);
  return match ? { volume: match[1] ?? '', path: `/${match[2] ?? ''}`.replace(/^\/+/, '/') } : undefined;
}

function routeOf({ volume }: VolumePath): string {
  return `/quai/volumes/${encodeURIComponent(volume)}/archive`;
}

async function copyIn(
  context: CliContext,
  source: string,
  target: VolumePath,
  keepsOwners: boolean,
): Promise<void> {
  const send = async (path: string, body: Readable): Promise<void> => {
    const headers = { 'Content-Type': 'application/x-tar' };
    await context.client.call('PUT', routeOf(target), { query: { path }, body, headers });
  };
  if (source === '-') return await send(target.path, context.stdin);
  const stat = lstatSync(source, { throwIfNoEntry: false });
  if (!stat) throw new CliError(`lstat ${source}: no such file or directory`);
  const isContent = source.endsWith('/.');
  const isInto = (await statAt(context.client, routeOf(target), target.path))?.isDirectory ?? false;
  if (!isInto && target.path.endsWith('/'))
    throw new CliError(`${target.path}: no such directory in the volume`);
  const name = isContent && isInto ? '' : posix.basename(isInto ? resolve(source) : target.path);
  const folder = isInto ? target.path : posix.dirname(target.path);
  await send(folder, Readable.from(localTar(source, name, { keepsOwners })));
}

async function copyOut(context: CliContext, source: VolumePath, target: string): Promise<void> {
  const { body } = await context.client.stream('GET', routeOf(source), { query: { path: source.path } });
  if (target === '-') {
    if (context.stdout.isTTY) throw new CliError('cowardly refusing to write an archive to a terminal');
    return await pipeline(body, context.stdout, { end: false });
  }
  const name = byteString(posix.basename(source.path));
  const isInto = statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (!isInto && target.endsWith('/')) throw new CliError(`${target}: no such directory`);
  const folder = isInto ? target : posix.dirname(resolve(target));
  const base = isInto ? name : byteString(posix.basename(resolve(target)));
  await unpackArchive(body, folder, path =>
    name === '' ? `${isInto ? '' : `${base}/`}${path}` : withTop(path, name, base),
  );
}
